//! Bytes that are not those that were written.

use super::{found, index_of, settings};
use crate::{DamagedTextIndex, LanguageSetting, TextIndex, TextSettings};

fn read(bytes: &[u8]) -> Result<TextIndex, DamagedTextIndex> {
    TextIndex::from_bytes(bytes, settings(LanguageSetting::Auto))
}

fn refused(bytes: &[u8]) -> DamagedTextIndex {
    read(bytes).err().expect("refused")
}

/// Has the hash that it should have.
fn hashed(bytes: &[u8]) -> Vec<u8> {
    let content = &bytes[..bytes.len() - blake3::OUT_LEN];
    [content, blake3::hash(content).as_bytes()].concat()
}

#[test]
fn every_byte_counts() {
    let texts: Vec<String> = (0..140).map(|at| format!("whale {} sea", at % 5)).collect();
    let index = index_of(&texts.iter().map(String::as_str).collect::<Vec<_>>());
    index.remove(&[3]);
    let bytes = index.freeze().to_bytes();
    assert_eq!(found(&read(&bytes).unwrap(), "whale"), found(&index, "whale"));
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x41;
        let expected = if at < 8 { DamagedTextIndex::Foreign } else { DamagedTextIndex::Hash };
        assert_eq!(refused(&damaged), expected, "byte {at}");
        // A hash that fits does not make sense of them: they are refused, or an index that answers.
        if let Ok(index) = read(&hashed(&damaged)) {
            for query in ["whale", "\"whale sea\" 1", "-4 w* se*"] {
                assert_eq!(index.query(query).scores(&[0, 5, 139]).len(), 3);
                found(&index, query);
            }
            index.remove(&[0, 1, 139]);
            let compacted = index.freeze().compacted(&(0..140).collect::<Vec<_>>());
            assert_eq!(compacted.slot_count(), 140);
        }
    }
    for length in 0..bytes.len() {
        refused(&bytes[..length]);
    }
}

#[test]
fn other_versions_and_settings_are_told() {
    let bytes = index_of(&["whale"]).freeze().to_bytes();
    let mut newer = bytes.clone();
    newer[8] += 1;
    assert_eq!(refused(&hashed(&newer)), DamagedTextIndex::Version { found: 2 });
    let other = TextIndex::from_bytes(&bytes, TextSettings::default()).err().unwrap();
    assert_eq!(
        other.to_string(),
        "the keyword index was made with auto \"text\"*1 \"title\"*3, wanted is auto \"text\"*1"
    );
    let longer = hashed(&[&bytes[..], b"more"].concat());
    assert_eq!(refused(&longer), DamagedTextIndex::Contradiction { part: "end" });
    assert_eq!(refused(b""), DamagedTextIndex::Foreign);
}
