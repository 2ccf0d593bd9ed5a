//! The migrations of both databases, compiled in from `migrations/` at the top of the project.

use sqlx::{
    SqlSafeStr,
    migrate::{Migration, MigrationType, Migrator},
};

/// Name and SQL of each migration, in order. The first four digits of the name are its version.
type Files = &'static [(&'static str, &'static str)];

macro_rules! files {
    ($folder:literal: $($name:literal),+) => {
        &[$(($name, include_str!(concat!("../../../migrations/", $folder, "/", $name)))),+]
    };
}

const CATALOGUE: Files = files!("catalogue": "0001_collections.sql");
const COLLECTION: Files = files!("collection": "0001_documents.sql");

/// Brings `akidb.db` up to date.
pub(crate) fn catalogue() -> Migrator {
    migrator(CATALOGUE)
}

/// Brings a `documents.db` up to date.
pub(crate) fn collection() -> Migrator {
    migrator(COLLECTION)
}

fn migrator(files: Files) -> Migrator {
    let migrations = files.iter().zip(1..).map(|((name, sql), version)| {
        Migration::new(version, (*name).into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    Migrator::with_migrations(migrations.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_folders_is_compiled_in_under_its_version() {
        for (folder, files) in [("catalogue", CATALOGUE), ("collection", COLLECTION)] {
            let path = format!("{}/../../migrations/{folder}", env!("CARGO_MANIFEST_DIR"));
            let entries = std::fs::read_dir(path).unwrap();
            let mut names: Vec<_> =
                entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            assert_eq!(names, files.iter().map(|(name, _)| *name).collect::<Vec<_>>());
            for (name, version) in names.iter().zip(1..) {
                assert!(name.starts_with(&format!("{version:04}_")), "{name}");
            }
        }
    }
}
