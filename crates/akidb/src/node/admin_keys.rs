//! The keys in the file that the configuration names.

use std::{fs, path::Path};

use akidb_service::SecretHash;

use crate::failure::{Failure, Result};

/// Keys of so many characters, made at random, nobody guesses.
const CHARS_MIN: usize = 32;

/// The hashes of the keys of a file, one a line. Lines that are empty or begin with `#` are none.
///
/// # Errors
/// The file can not be read, has no key, or one that could be guessed. The message has nothing of it.
pub(super) fn read(path: &Path) -> Result<Vec<SecretHash>> {
    let failure = |fault: String| {
        Failure::configuration(format!("auth.admin_key_file, {}: {fault}", path.display()))
            .hint("a line of it is a key, as `openssl rand -hex 32` makes one")
    };
    let text = fs::read_to_string(path).map_err(|error| failure(error.to_string()))?;
    let lines = (1..).zip(text.lines().map(str::trim));
    let keys = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let hashes = keys.map(|(number, key)| {
        if key.len() < CHARS_MIN || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(failure(format!(
                "line {number} is no key, which has at least {CHARS_MIN} visible ASCII characters and no blank"
            )));
        }
        Ok(SecretHash::of(key))
    });
    let hashes = hashes.collect::<Result<Vec<_>>>()?;
    if hashes.is_empty() {
        return Err(failure("there is no key in it".to_owned()));
    }
    Ok(hashes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::ExitStatus;

    #[test]
    fn a_key_is_a_line_and_long() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        let (old, new) = ("o".repeat(32), "n".repeat(64));
        fs::write(&path, format!("# of the operators\n\n{old}\r\n {new} \n")).unwrap();
        assert!(read(&path).unwrap() == [SecretHash::of(&old), SecretHash::of(&new)]);
        for bad in ["", "# none\n", "short-secret", &"secret ".repeat(8), &"\u{e9}".repeat(32)] {
            fs::write(&path, bad).unwrap();
            let failure = read(&path).unwrap_err();
            assert_eq!(failure.exit, ExitStatus::CONFIGURATION);
            assert!(!failure.message.contains("secret"), "{}", failure.message);
        }
        assert!(read(&folder.path().join("none")).is_err());
    }
}
