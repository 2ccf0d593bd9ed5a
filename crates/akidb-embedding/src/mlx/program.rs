//! Where the worker's program is.

use std::path::{Path, PathBuf};

use super::MlxFault;

const NAME: &str = "akidb-mlx-worker";
/// Where installations put programs that people do not start, from the folder of those they do.
const BESIDE: [&str; 3] = ["", "../libexec/akidb", "../share/akidb"];

/// The configured program, or the first one that was installed with this program.
pub(super) fn find(configured: Option<&Path>) -> Result<PathBuf, MlxFault> {
    let looked_at = match configured {
        Some(path) => vec![path.to_owned()],
        None => std::env::current_exe().map_or_else(|_| Vec::new(), |own| beside(&own)),
    };
    match looked_at.iter().find(|path| path.is_file()) {
        Some(found) => Ok(found.clone()),
        None => Err(MlxFault::WorkerMissing { looked_at }),
    }
}

fn beside(program: &Path) -> Vec<PathBuf> {
    let folder = program.parent().unwrap_or(program);
    BESIDE.iter().map(|place| folder.join(place).join(NAME)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_worker_is_told_with_all_places() {
        let fault = find(None).unwrap_err().to_string();
        for place in
            ["akidb-mlx-worker, ", "libexec/akidb/akidb-mlx-worker", "share/akidb", "hint: "]
        {
            assert!(fault.contains(place), "{fault}");
        }
        let fault = find(Some(Path::new("/none/worker"))).unwrap_err().to_string();
        assert!(fault.contains("looked at /none/worker;"), "{fault}");
    }

    #[test]
    fn the_configured_worker_is_the_only_one() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(find(Some(file.path())).unwrap(), file.path());
    }
}
