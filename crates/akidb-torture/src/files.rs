//! Every kind of file that a node keeps. One that has no row here fails the damage part: a file that
//! the node trusts and that nobody has damaged yet is where the next loss comes from.

use std::path::Path;

/// What the node may lose with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Documents or collections: what is lost must be told of.
    Truth,
    /// Nothing: all must be answered as before.
    Derived,
}

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileKind {
    /// Its name, for people.
    pub(crate) name: &'static str,
    /// The end of its path, `*` for any characters within a name, `**` for all that follows.
    pattern: &'static str,
    /// What the node may lose with it.
    pub(crate) trust: Trust,
}

const fn truth(name: &'static str, pattern: &'static str) -> FileKind {
    FileKind { name, pattern, trust: Trust::Truth }
}

const fn derived(name: &'static str, pattern: &'static str) -> FileKind {
    FileKind { name, pattern, trust: Trust::Derived }
}

/// All kinds; the first that matches counts.
pub(crate) const KINDS: &[FileKind] = &[
    truth("catalogue", "akidb.db"),
    truth("catalogue log", "akidb.db-wal"),
    derived("catalogue shared memory", "akidb.db-shm"),
    derived("catalogue mark", "catalogue-mark*"),
    derived("lock", "LOCK"),
    derived("ballast", "ballast"),
    derived("probe of room", "room-probe"),
    truth("documents", "collections/*/documents.db"),
    truth("documents log", "collections/*/documents.db-wal"),
    derived("documents shared memory", "collections/*/documents.db-shm"),
    derived("high-water mark", "collections/*/high-water*"),
    derived("description", "collections/*/collection.json"),
    derived("manifest", "collections/*/vectors/manifest*"),
    derived("index section", "collections/*/vectors/*"),
    derived("manifest of a named field", "collections/*/vectors_*/manifest*"),
    derived("index section of a named field", "collections/*/vectors_*/*"),
    // Never looked into by a node.
    derived("put aside", "lost+found/**"),
];

/// The kind of a file by its path in the data directory.
pub(crate) fn kind_of(path: &Path) -> Option<&'static FileKind> {
    let path = path.to_str()?;
    KINDS.iter().find(|kind| matches(kind.pattern, path))
}

/// Whether a path is as a pattern says, name by name.
fn matches(pattern: &str, path: &str) -> bool {
    if let Some(folder) = pattern.strip_suffix("**") {
        return path.starts_with(folder);
    }
    let (pattern, path) = (pattern.split('/'), path.split('/'));
    pattern.clone().count() == path.clone().count()
        && pattern.zip(path).all(|(pattern, name)| match pattern.split_once('*') {
            None => pattern == name,
            Some((start, end)) => {
                name.len() >= start.len() + end.len()
                    && name.starts_with(start)
                    && name.ends_with(end)
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_paths() {
        let name = |path: &str| kind_of(Path::new(path)).map(|kind| kind.name);
        assert_eq!(name("akidb.db"), Some("catalogue"));
        assert_eq!(name("collections/1/vectors/manifest-7"), Some("manifest"));
        assert_eq!(name("collections/1/vectors/3.links"), Some("index section"));
        assert_eq!(
            name("collections/1/vectors_12/3.links"),
            Some("index section of a named field")
        );
        assert_eq!(name("collections/1/new-file"), None);
        assert_eq!(name("akidb.db.old"), None);
    }
}
