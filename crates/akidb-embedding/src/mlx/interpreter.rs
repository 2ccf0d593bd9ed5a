//! Which Python a worker takes its packages from.
//!
//! The program that is found is asked for its version, so that packages of another Python than the
//! one in the worker are noticed with their names instead of by a module that is not there.

use std::{
    env,
    io::Read,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::MlxFault;

const ANSWERS_WITHIN: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// Prints the path of the program that really runs, behind any script in front of it, its version,
/// and where its library is.
const QUESTION: &str = "\
import sys, sysconfig
print(sys.executable)
print('%d.%d.%d' % sys.version_info[:3])
print(sysconfig.get_config_var('LIBDIR') or '')
";
/// How the name of a library that is loaded ends.
const LIBRARY_END: &str = if cfg!(target_os = "macos") { ".dylib" } else { ".so.1.0" };

/// A Python that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Interpreter {
    /// Its program; that of a virtual environment where it has one.
    pub(super) executable: PathBuf,
    /// `3.11.2`
    pub(super) version: String,
    /// The folder of its library, where it has one. The worker has to load this very one: the
    /// modules that one build has inside of its library are files beside that of another.
    pub(super) library_dir: Option<PathBuf>,
}

/// The configured Python, a program or the folder of an environment, or the one on the search path.
pub(super) fn find(configured: Option<&Path>) -> Result<Interpreter, MlxFault> {
    let looked_at = match configured {
        Some(path) if path.is_dir() => {
            ["bin/python3", "bin/python"].map(|name| path.join(name)).to_vec()
        }
        Some(path) if path.components().count() > 1 => vec![path.to_owned()],
        Some(name) => on_search_path(&[name]),
        None => on_search_path(&[Path::new("python3"), Path::new("python")]),
    };
    match looked_at.iter().find(|path| path.is_file()) {
        Some(found) => ask(found),
        None => Err(MlxFault::PythonMissing { looked_at }),
    }
}

fn on_search_path(names: &[&Path]) -> Vec<PathBuf> {
    let search_path = env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = env::split_paths(&search_path).collect();
    names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name))).collect()
}

fn ask(python: &Path) -> Result<Interpreter, MlxFault> {
    let broken = |reason: String| MlxFault::PythonBroken { python: python.to_owned(), reason };
    let output = answer(python).map_err(|error| broken(error.to_string()))?;
    let mut lines = output.lines();
    match (lines.next(), lines.next()) {
        (Some(executable), Some(version)) if !executable.is_empty() => Ok(Interpreter {
            executable: PathBuf::from(executable),
            version: version.to_owned(),
            library_dir: lines.next().map(PathBuf::from).filter(|folder| {
                folder.join(format!("libpython{}{LIBRARY_END}", minor(version))).is_file()
            }),
        }),
        _ => Err(broken(format!("it answered {output:?}"))),
    }
}

/// What it prints, within a time, after which it is ended.
fn answer(python: &Path) -> std::io::Result<String> {
    let mut child = Command::new(python)
        .args(["-I", "-c", QUESTION])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let started_at = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            let mut text = String::new();
            if let Some(mut stdout) = child.stdout.take() {
                stdout.read_to_string(&mut text)?;
            }
            return match status.success() {
                true => Ok(text),
                false => Err(std::io::Error::other(format!("it ended with {status}"))),
            };
        }
        if started_at.elapsed() > ANSWERS_WITHIN {
            child.kill()?;
            child.wait()?;
            let message = format!("it did not answer within {ANSWERS_WITHIN:?}");
            return Err(std::io::Error::other(message));
        }
        thread::sleep(LOOK_EVERY);
    }
}

/// `3.11` of `3.11.2`
pub(super) fn minor(version: &str) -> &str {
    let end = version.match_indices('.').nth(1).map_or(version.len(), |(at, _)| at);
    &version[..end]
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    fn script(folder: &Path, text: &str) -> PathBuf {
        let path = folder.join("python3");
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn a_folder_is_an_environment_and_the_program_behind_a_script_is_found() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("bin")).unwrap();
        script(&folder.path().join("bin"), "echo /real/python; echo 3.12.1");
        let found = find(Some(folder.path())).unwrap();
        let expected = Interpreter {
            executable: PathBuf::from("/real/python"),
            version: "3.12.1".to_owned(),
            library_dir: None,
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_no_python_is_told_with_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let missing = find(Some(&folder.path().join("bin/python3"))).unwrap_err().to_string();
        assert!(missing.contains("bin/python3") && missing.contains("hint: "), "{missing}");
        for (text, says) in [("exit 3", "exit status: 3"), ("echo hello", "hello")] {
            let broken = find(Some(&script(folder.path(), text))).unwrap_err().to_string();
            assert!(broken.contains(says) && broken.contains("hint: "), "{broken}");
        }
    }

    #[test]
    fn versions_are_compared_by_their_first_two_numbers() {
        for (version, expected) in [("3.11.2", "3.11"), ("3.12", "3.12"), ("3", "3")] {
            assert_eq!(minor(version), expected);
        }
    }
}
