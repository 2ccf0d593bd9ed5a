//! Every input of every corpus, as an ordinary test: what a target has found stays found.

use std::{fs, path::Path};

use akidb_fuzz::TARGETS;

#[test]
fn every_target_returns_for_its_corpus() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (name, target) in TARGETS {
        let mut files: Vec<_> =
            fs::read_dir(corpora.join(name)).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        assert!(!files.is_empty(), "{name} has no corpus");
        for file in files {
            eprintln!("{}", file.display());
            let input = fs::read(&file).unwrap();
            target(&input);
            // Inputs that are nearly these: cut short, and one byte after the other another one.
            for cut in [0, input.len() / 2, input.len().saturating_sub(1)] {
                target(&input[..cut]);
            }
            for at in (0..input.len()).step_by(1 + input.len() / 48) {
                let mut changed = input.clone();
                changed[at] ^= 1 << (at % 8);
                target(&changed);
            }
        }
    }
}

#[test]
fn every_target_has_a_program() {
    let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/fuzz_targets");
    for (name, _) in TARGETS {
        let program = fs::read_to_string(programs.join(format!("{name}.rs"))).unwrap();
        assert!(program.contains(&format!("akidb_fuzz::{name}")), "{name}");
    }
}
