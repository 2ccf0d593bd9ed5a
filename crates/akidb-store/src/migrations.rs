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

const CATALOGUE: Files = files!(
    "catalogue": "0001_collections.sql", "0002_chunking.sql", "0003_index_settings.sql",
    "0004_checksums.sql", "0005_fields.sql", "0006_aliases.sql", "0007_tasks.sql",
    "0008_shadow_fields.sql", "0009_keyword.sql", "0010_ttl.sql",
    "0011_keys.sql"
);
const COLLECTION: Files = files!(
    "collection": "0001_documents.sql", "0002_embedded_texts.sql", "0003_passages.sql",
    "0004_history.sql", "0005_unknown_tokens.sql", "0006_fields.sql", "0007_places.sql",
    "0008_expiry.sql"
);

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

    /// Nobody can tell whether an engine of before was asked for, so it stays.
    #[tokio::test]
    async fn a_catalogue_of_the_first_version_keeps_its_engines() {
        let root = tempfile::tempdir().unwrap();
        let directory = crate::DataDirectory::open(root.path()).unwrap();
        let first = migrator(&CATALOGUE[..1]);
        let path = directory.root().join("akidb.db");
        let mut connection = crate::connection::open_writer(&path, &first).await.unwrap();
        sqlx::query("INSERT INTO collections VALUES (?1, 'old', NULL, 3, 'dot', 'exact', NULL, 1)")
            .bind(uuid::Uuid::now_v7().to_string())
            .execute(&mut connection)
            .await
            .unwrap();
        sqlx::Connection::close(connection).await.unwrap();

        let opened = crate::Catalogue::open(directory.into(), crate::FailStop::default());
        let opened = opened.await.unwrap();
        let rows = opened.collections;
        let engine = akidb_core::IndexEngine::Exact;
        let kept = akidb_core::IndexSettings { engine, ..Default::default() };
        let fields = rows.iter().map(|row| row.unnamed_field().unwrap());
        assert_eq!(fields.map(|field| field.index).collect::<Vec<_>>(), [kept]);
    }

    /// What was the only field of a collection is its field without a name, and a row that was
    /// changed behind the back of that version is still noticed.
    #[tokio::test]
    async fn a_catalogue_of_one_field_a_collection_keeps_its_rows() {
        for (metric, sound) in [("dot", true), ("l2", false)] {
            let root = tempfile::tempdir().unwrap();
            let directory = crate::DataDirectory::open(root.path()).unwrap();
            let before = migrator(&CATALOGUE[..4]);
            let path = directory.root().join("akidb.db");
            let mut connection = crate::connection::open_writer(&path, &before).await.unwrap();
            let uuid = uuid::Uuid::now_v7();
            let values = format!(
                "('{uuid}', 'old', NULL, 3, '{metric}', 'exact', NULL, 1, 9, 2, 16, \
                 200, 100, 'int8', 5, {})",
                sum_of_one_field(uuid)
            );
            let insert = sqlx::AssertSqlSafe(format!("INSERT INTO collections VALUES {values}"));
            sqlx::query(insert).execute(&mut connection).await.unwrap();
            sqlx::Connection::close(connection).await.unwrap();

            let opened = crate::Catalogue::open(directory.into(), crate::FailStop::default());
            let opened = opened.await.unwrap();
            assert_eq!(opened.collections.len(), usize::from(sound), "{:?}", opened.findings);
            if let Some(record) = opened.collections.first() {
                let field = record.unnamed_field().unwrap();
                assert_eq!((record.uuid, record.fields.len()), (uuid, 1));
                assert_eq!((field.dimension.get(), field.metric), (3, akidb_core::Metric::Dot));
                let cut = akidb_core::Chunking { tokens: 9, overlap: 2 };
                assert_eq!(field.chunking, Some(cut));
            }
            let tables =
                "SELECT count(*) FROM sqlite_master WHERE name = 'collections_of_one_field'";
            let mut connection = crate::connection::open_to_look(&path).await.unwrap();
            let tables: i64 = sqlx::query_scalar(tables).fetch_one(&mut connection).await.unwrap();
            assert_eq!(tables, 0);
        }
    }

    /// As that version made it, of the row of the test above.
    fn sum_of_one_field(uuid: uuid::Uuid) -> i64 {
        let mut hash = xxhash_rust::xxh3::Xxh3::new();
        for text in [Some("old"), None, Some("dot"), None, Some("exact"), Some("int8")] {
            let length = text.map_or(u64::MAX, |text| text.len() as u64);
            hash.update(&length.to_le_bytes());
            hash.update(text.unwrap_or_default().as_bytes());
        }
        hash.update(uuid.as_bytes());
        [16_u32, 200, 100, 9, 2].iter().for_each(|number| hash.update(&number.to_le_bytes()));
        [3_u64, 1, 5].iter().for_each(|number| hash.update(&number.to_le_bytes()));
        hash.digest().cast_signed()
    }

    /// The rows of each version must stay sound under the next one.
    #[tokio::test]
    async fn a_database_of_the_first_version_opens_with_its_rows_sound() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("documents.db");
        let first = migrator(&COLLECTION[..1]);
        let mut connection = crate::connection::open_writer(&path, &first).await.unwrap();
        let vector = [0_u8, 0, 128, 63];
        // As the first version made it.
        let sum = {
            let mut hash = xxhash_rust::xxh3::Xxh3::new();
            hash.update(&1_u64.to_le_bytes());
            hash.update(b"v");
            hash.update(&4_u64.to_le_bytes());
            hash.update(&vector);
            hash.digest().cast_signed()
        };
        let id = akidb_core::DocumentId::Integer(5);
        let document_sum =
            crate::checksum::of_document(akidb_core::Seq(1), &id, None, b"{}", None, None, None);
        sqlx::query("INSERT INTO documents VALUES (1, 5, NULL, '{}', ?1)")
            .bind(document_sum)
            .execute(&mut connection)
            .await
            .unwrap();
        sqlx::query("INSERT INTO vectors VALUES (1, ?1, ?2)")
            .bind(vector.to_vec())
            .bind(sum)
            .execute(&mut connection)
            .await
            .unwrap();
        sqlx::query("UPDATE sequence SET last_seq = 1").execute(&mut connection).await.unwrap();
        std::fs::write(folder.path().join("high-water"), mark_of_the_first_version(1)).unwrap();
        sqlx::Connection::close(connection).await.unwrap();

        let metrics = crate::StoreMetrics::register(&prometheus::Registry::new()).unwrap();
        let options = crate::StoreOptions {
            clock: akidb_engine::Clock::System,
            readers_max: 1,
            vectors_per_document: crate::VectorsPerDocument::One,
            fields: Vec::new(),
            shadows: Vec::new(),
            metrics,
            fail_stop: crate::FailStop::default(),
            commits: crate::CommitGate::default(),
        };
        let mut loader = crate::DocumentStore::open(folder.path(), options).await.unwrap();
        assert!(!loader.has_damage());
        let position = loader.position();
        assert_eq!((position.epoch, position.seq), (1, akidb_core::Seq(1)));
        let mut vectors = Vec::new();
        let damaged = loader
            .rows()
            .vectors(0, akidb_core::Seq(0), |stored| vectors.push(stored.vector))
            .await
            .unwrap();
        assert_eq!((damaged, vectors), (vec![], vec![vec![1.0]]));
        let store = loader.start(|_| {});
        let rows = store.by_ids(&[id], true).await.unwrap();
        assert_eq!((rows.documents.len(), rows.damaged.len()), (1, 0));
    }

    fn mark_of_the_first_version(seq: u64) -> Vec<u8> {
        let sum = xxhash_rust::xxh3::xxh3_64(&seq.to_le_bytes());
        [seq.to_le_bytes(), sum.to_le_bytes()].concat()
    }

    #[test]
    fn the_page_of_the_format_has_the_numbers_of_now() {
        let path = format!("{}/../../docs/data-format.md", env!("CARGO_MANIFEST_DIR"));
        let page = std::fs::read_to_string(path).unwrap();
        for (file, files) in [("akidb.db", CATALOGUE), ("documents.db", COLLECTION)] {
            let row = format!("| `{file}` | {} |", files.len());
            assert!(page.contains(&row), "{row}");
        }
    }
}
