//! The catalogue of collections: whatever becomes of it, the collections are there.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use akidb_core::{
    Chunking, CollectionName, Dimension, ErrorCode, FieldName, IndexEngine, IndexSettings,
    KeywordSettings, Metric, Quantization,
};
use akidb_engine::{
    CollectionRecord, CopyWork, TaskError, TaskRecord, TaskState, TaskWork, VectorField,
};
use akidb_store::{Catalogue, DataDirectory, FailStop, Finding, OpenedCatalogue};
use sqlx::{Connection, SqliteConnection};
use tempfile::TempDir;
use uuid::Uuid;

pub(crate) fn collection(name: &str) -> CollectionRecord {
    CollectionRecord {
        ttl_seconds: None,
        uuid: Uuid::now_v7(),
        name: CollectionName::new(name).unwrap(),
        aliases: vec![],
        description: None,
        fields: vec![VectorField {
            number: 0,
            name: FieldName::UNNAMED,
            dimension: Dimension::new(384).unwrap(),
            metric: Metric::L2,
            index: IndexSettings { m: 32, ..IndexSettings::default() },
            model: Some(r#"{"name":"m"}"#.into()),
            chunking: (name == "books").then_some(Chunking { tokens: 128, overlap: 0 }),
        }],
        shadows: Vec::new(),
        dropped_fields: Vec::new(),
        last_field: 0,
        keyword: KeywordSettings::default(),
        created_unix_ms: 1_700_000_000_000,
    }
}

pub(crate) async fn open(root: &Path) -> OpenedCatalogue {
    let directory = Arc::new(DataDirectory::open(root).unwrap());
    Catalogue::open(directory, FailStop::default()).await.unwrap()
}

async fn reopened(opened: OpenedCatalogue) -> OpenedCatalogue {
    let root = opened.catalogue.directory().root().to_owned();
    close(opened).await;
    open(&root).await
}

pub(crate) async fn close(opened: OpenedCatalogue) {
    opened.catalogue.close().await.unwrap();
}

fn kinds(findings: &[Finding]) -> Vec<&'static str> {
    findings.iter().map(|finding| finding.kind.as_str()).collect()
}

/// Changes the catalogue behind its back.
pub(crate) async fn tamper(root: &Path, sql: &'static str) {
    let url = format!("sqlite://{}", root.join("akidb.db").display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// A closed data directory with three collections, one of them with changed settings.
async fn three() -> (TempDir, Vec<CollectionRecord>) {
    let root = tempfile::tempdir().unwrap();
    let opened = open(root.path()).await;
    for name in ["books", "films", "songs"] {
        opened.catalogue.create(&collection(name)).await.unwrap();
    }
    let opened = reopened(opened).await;
    let songs =
        CollectionRecord { description: Some("sung".into()), ..opened.collections[2].clone() };
    opened.catalogue.change(&songs).await.unwrap();
    let opened = reopened(opened).await;
    assert_eq!((opened.collections.len(), kinds(&opened.findings)), (3, vec![]));
    let rows = opened.collections.clone();
    close(opened).await;
    (root, rows)
}

/// Every file below the folder of collections and below `lost+found`, by its last two names.
fn files(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for folder in ["collections", "lost+found"] {
        for entry in fs::read_dir(root.join(folder)).into_iter().flatten() {
            let entry = entry.unwrap().path();
            for file in fs::read_dir(&entry).into_iter().flatten() {
                let file = file.unwrap().path();
                let content = fs::read(&file).unwrap();
                files.insert(file.strip_prefix(entry.parent().unwrap()).unwrap().into(), content);
            }
        }
    }
    files
}

#[tokio::test]
async fn collections_survive_reopening_and_names_are_taken_once() {
    let root = tempfile::tempdir().unwrap();
    let opened = open(root.path()).await;
    let catalogue = &opened.catalogue;
    let (films, books) = (collection("films"), collection("books"));
    let folder = catalogue.create(&films).await.unwrap();
    assert!(folder.join("documents.db").is_file() && folder.join("collection.json").is_file());
    catalogue.create(&books).await.unwrap();
    assert!(catalogue.create(&collection("films")).await.is_err());
    let index = IndexSettings {
        engine: IndexEngine::HnswRs,
        m: 8,
        ef_construction: 64,
        ef: 50,
        quantization: Quantization::None,
    };
    let title = VectorField {
        number: 4,
        name: FieldName::new("title").unwrap(),
        model: None,
        ..books.fields[0].clone()
    };
    let books = CollectionRecord {
        description: Some("printed".into()),
        fields: vec![VectorField { index, ..books.fields[0].clone() }, title],
        shadows: Vec::new(),
        dropped_fields: vec![1, 2],
        last_field: 5,
        ..books
    };
    catalogue.change(&books).await.unwrap();

    let opened = reopened(opened).await;
    assert_eq!(
        (&opened.collections, opened.findings.len()),
        (&vec![books.clone(), films.clone()], 0)
    );
    opened.catalogue.drop(films.uuid).await.unwrap();
    opened.catalogue.put_away(films.uuid).await.unwrap();
    opened.catalogue.remove_dropped(films.uuid);
    let opened = reopened(opened).await;
    assert_eq!((opened.collections, opened.findings.len()), (vec![books], 0));
    assert_eq!(fs::read_dir(root.path().join("collections")).unwrap().count(), 1);
}

#[tokio::test]
async fn hardly_anything_is_ever_in_the_write_ahead_log() {
    let root = tempfile::tempdir().unwrap();
    let opened = open(root.path()).await;
    opened.catalogue.create(&collection("films")).await.unwrap();
    let log = fs::metadata(root.path().join("akidb.db-wal")).unwrap();
    assert_eq!(log.len(), 0);
    close(opened).await;
    assert!(!root.path().join("akidb.db-wal").exists());
}

/// What used to be deleted at the next start, for `INFO` in the log.
#[tokio::test]
async fn a_catalogue_that_is_lost_in_any_way_is_made_anew_from_the_folders() {
    let (root, rows) = three().await;
    let path = root.path().join("akidb.db");
    let sound = fs::read(&path).unwrap();
    let before = files(root.path());
    let lost: [(&str, Option<Vec<u8>>); 4] = [
        ("missing", None),
        ("empty", Some(Vec::new())),
        ("truncated", Some(sound[..sound.len() / 2].to_vec())),
        ("foreign", Some(vec![7; 9_000])),
    ];
    for (how, content) in lost {
        match content {
            None => fs::remove_file(&path).unwrap(),
            Some(content) => fs::write(&path, content).unwrap(),
        }
        let told = Catalogue::inspect(root.path()).await.unwrap();
        assert!(kinds(&told).contains(&"rebuilt"), "{how}: {told:?}");
        let opened = open(root.path()).await;
        let kinds = kinds(&opened.findings);
        assert_eq!(opened.collections, rows, "{how}");
        assert!(kinds.contains(&"rebuilt"), "{how}: {kinds:?}");
        assert_eq!(kinds.iter().filter(|kind| **kind == "adopted").count(), 3, "{how}");
        let opened = reopened(opened).await;
        assert_eq!((opened.collections.clone(), opened.findings.len()), (rows.clone(), 0), "{how}");
        close(opened).await;
        for (file, content) in &before {
            if file.ends_with("documents.db") {
                assert_eq!(files(root.path()).get(file), Some(content), "{how}: {file:?}");
            }
        }
    }
    // What could be read of the damaged ones is kept, to be looked at.
    assert!(root.path().join("lost+found/akidb.db").exists());
}

#[tokio::test]
async fn no_flipped_bit_of_the_catalogue_loses_a_collection() {
    let (root, rows) = three().await;
    let path = root.path().join("akidb.db");
    let sound = fs::read(&path).unwrap();
    let before = files(root.path());
    for byte in (0..sound.len()).step_by(601) {
        let mut flipped = sound.clone();
        flipped[byte] ^= 1 << (byte % 8);
        fs::write(&path, flipped).unwrap();
        let directory = Arc::new(DataDirectory::open(root.path()).unwrap());
        match Catalogue::open(directory, FailStop::default()).await {
            Ok(opened) => {
                assert_eq!(opened.collections, rows, "byte {byte}");
                close(opened).await;
            }
            // A version of the file or of the schema that is not known.
            Err(error) => println!("byte {byte}: {error}"),
        }
        let after = files(root.path());
        let documents = before.iter().filter(|(file, _)| file.ends_with("documents.db"));
        assert!(documents.clone().all(|(file, _)| after.contains_key(file)), "byte {byte}");
    }
}

#[tokio::test]
async fn an_older_catalogue_is_noticed_and_what_it_lacks_is_taken_from_the_folders() {
    let (root, rows) = three().await;
    let path = root.path().join("akidb.db");
    let older = fs::read(&path).unwrap();
    let opened = open(root.path()).await;
    let plays = collection("plays");
    opened.catalogue.create(&plays).await.unwrap();
    let books = CollectionRecord { description: Some("printed".into()), ..rows[0].clone() };
    opened.catalogue.change(&books).await.unwrap();
    opened.catalogue.drop(rows[1].uuid).await.unwrap();
    opened.catalogue.put_away(rows[1].uuid).await.unwrap();
    opened.catalogue.remove_dropped(rows[1].uuid);
    close(opened).await;

    fs::write(&path, older).unwrap();
    let opened = open(root.path()).await;
    assert_eq!(opened.collections, [books, plays, rows[2].clone()]);
    assert_eq!(kinds(&opened.findings), ["changes_lost", "restored", "removed", "adopted"]);
    assert!(opened.findings[0].detail.contains("3 changes"), "{:?}", opened.findings);
    assert_eq!(kinds(&reopened(opened).await.findings), [""; 0]);
}

fn named(row: &CollectionRecord, name: &str) -> CollectionRecord {
    CollectionRecord { name: CollectionName::new(name).unwrap(), ..row.clone() }
}

/// Whatever is lost of the catalogue, a name is that of the collection which was last given it.
#[tokio::test]
async fn no_name_of_before_a_renaming_comes_back() {
    let (root, rows) = three().await;
    let path = root.path().join("akidb.db");
    let described = |row: &CollectionRecord| {
        root.path().join("collections").join(row.uuid.to_string()).join("collection.json")
    };
    let older = fs::read(&path).unwrap();
    let undescribed = fs::read(described(&rows[0])).unwrap();
    let opened = open(root.path()).await;
    let printed = named(&rows[0], "printed");
    // The second one takes the name that the first one had.
    let books = named(&rows[1], "books");
    for row in [&printed, &books] {
        opened.catalogue.change(row).await.unwrap();
    }
    close(opened).await;

    let sound = fs::read(&path).unwrap();
    for lost in [None, Some(&older)] {
        match lost {
            None => fs::remove_file(&path).unwrap(),
            Some(older) => fs::write(&path, older).unwrap(),
        }
        let opened = open(root.path()).await;
        assert_eq!(opened.collections, [books.clone(), printed.clone(), rows[2].clone()]);
        close(opened).await;
        fs::write(&path, &sound).unwrap();
    }
    // Where the folder was not told of its new name either, nobody knows it, but the old one is taken.
    let digits = &rows[0].uuid.simple().to_string()[24..];
    let kept_apart = named(&rows[0], &format!("books-{digits}"));
    for lost in [None, Some(&older)] {
        fs::write(described(&rows[0]), &undescribed).unwrap();
        match lost {
            None => fs::remove_file(&path).unwrap(),
            Some(older) => fs::write(&path, older).unwrap(),
        }
        let opened = open(root.path()).await;
        assert_eq!(opened.collections, [books.clone(), kept_apart.clone(), rows[2].clone()]);
        let opened = reopened(opened).await;
        assert_eq!(kinds(&opened.findings), [""; 0]);
        close(opened).await;
    }
}

fn aliased(row: &CollectionRecord, aliases: &[&str]) -> CollectionRecord {
    let aliases = aliases.iter().map(|alias| CollectionName::new(alias).unwrap());
    CollectionRecord { aliases: aliases.collect(), ..row.clone() }
}

/// An alias is as durable as what it names, and leads to what it was set to last.
#[tokio::test]
async fn aliases_come_back_with_their_collections_and_only_to_the_last_one() {
    let (root, rows) = three().await;
    let path = root.path().join("akidb.db");
    let described = |row: &CollectionRecord| {
        root.path().join("collections").join(row.uuid.to_string()).join("collection.json")
    };
    let opened = open(root.path()).await;
    let before = [aliased(&rows[0], &["old", "print"]), aliased(&rows[1], &["cinema"])];
    opened.catalogue.change_all(&before).await.unwrap();
    close(opened).await;
    let older = fs::read(&path).unwrap();
    let stale = fs::read(described(&rows[0])).unwrap();
    let opened = open(root.path()).await;
    // One goes to another collection, and one is the name of a collection then.
    let films = aliased(&rows[1], &["cinema", "print"]);
    let old = named(&rows[2], "old");
    let after = [films.clone(), aliased(&rows[0], &[])];
    opened.catalogue.change_all(&after).await.unwrap();
    opened.catalogue.change(&old).await.unwrap();
    let opened = reopened(opened).await;
    let after = [after[1].clone(), films.clone(), old.clone()];
    assert_eq!((&opened.collections, kinds(&opened.findings)), (&after.to_vec(), vec![]));
    close(opened).await;

    let sound = fs::read(&path).unwrap();
    for is_stale in [false, true] {
        for lost in [None, Some(&older)] {
            match lost {
                None => fs::remove_file(&path).unwrap(),
                Some(older) => fs::write(&path, older).unwrap(),
            }
            if is_stale {
                // Killed before the one that loses its aliases was described, and the disk is bad.
                fs::write(described(&rows[0]), &stale).unwrap();
            }
            let opened = open(root.path()).await;
            assert_eq!(opened.collections, after, "stale: {is_stale}");
            let opened = reopened(opened).await;
            assert_eq!(kinds(&opened.findings), [""; 0]);
            close(opened).await;
            fs::write(&path, &sound).unwrap();
        }
    }
    for sql in [
        "DELETE FROM aliases WHERE alias = 'cinema'",
        "UPDATE aliases SET alias = 'kino' WHERE alias = 'cinema'",
        "UPDATE aliases SET alias = '/' WHERE alias = 'cinema'",
        "INSERT INTO aliases SELECT 'kino', uuid FROM collections WHERE name = 'books'",
        "UPDATE aliases SET collection = (SELECT uuid FROM collections WHERE name = 'books')",
    ] {
        tamper(root.path(), sql).await;
        let opened = open(root.path()).await;
        assert_eq!(opened.collections, after, "{sql}");
        assert!(kinds(&opened.findings).contains(&"restored"), "{sql}: {:?}", opened.findings);
        assert_eq!(kinds(&reopened(opened).await.findings), [""; 0], "{sql}");
    }
    // One that leads nowhere is in nobody's way.
    tamper(root.path(), "INSERT INTO aliases VALUES ('nowhere', 'nothing')").await;
    let opened = open(root.path()).await;
    assert_eq!((&opened.collections, kinds(&opened.findings)), (&after.to_vec(), vec![]));
    opened.catalogue.change(&aliased(&old, &["nowhere"])).await.unwrap();
    assert_eq!(reopened(opened).await.collections[2], aliased(&old, &["nowhere"]));
}

fn task(number: u128, state: TaskState) -> TaskRecord {
    let name = |name: &str| CollectionName::new(name).unwrap();
    let work = CopyWork {
        of: Uuid::from_u128(1),
        of_name: name("films"),
        uuid: Uuid::from_u128(2),
        name: name("copy"),
    };
    let has_failed = state == TaskState::Failed;
    TaskRecord {
        id: Uuid::from_u128(number),
        work: TaskWork::Copy(work),
        state,
        error: has_failed
            .then(|| TaskError { code: ErrorCode::StorageFull, message: "it is full".into() }),
        created_unix_ms: 5,
        ended_unix_ms: has_failed.then_some(-6),
    }
}

#[tokio::test]
async fn tasks_are_kept_until_they_are_forgotten_and_a_damaged_one_is_told_of_and_removed() {
    let (root, rows) = three().await;
    let opened = open(root.path()).await;
    let [first, second, third] =
        [task(1, TaskState::Running), task(2, TaskState::Failed), task(3, TaskState::Cancelled)];
    for task in [&first, &second, &third] {
        opened.catalogue.keep_task(task, &[]).await.unwrap();
    }
    let first = TaskRecord { state: TaskState::Succeeded, ended_unix_ms: Some(7), ..first };
    opened.catalogue.keep_task(&first, &[third.id]).await.unwrap();
    let opened = reopened(opened).await;
    assert_eq!((&opened.tasks, kinds(&opened.findings)), (&vec![first.clone(), second], vec![]));
    close(opened).await;
    for sql in [
        "UPDATE tasks SET state = 'running' WHERE state = 'failed'",
        "UPDATE tasks SET id = 'ÿ' WHERE state = 'failed'",
        "UPDATE tasks SET error_code = 'internal' WHERE state = 'failed'",
        "UPDATE tasks SET ended_unix_ms = NULL WHERE state = 'failed'",
        "UPDATE tasks SET kind = 'move' WHERE state = 'failed'",
    ] {
        let opened = open(root.path()).await;
        opened.catalogue.keep_task(&task(2, TaskState::Failed), &[]).await.unwrap();
        close(opened).await;
        tamper(root.path(), sql).await;
        let told = Catalogue::inspect(root.path()).await.unwrap();
        let opened = open(root.path()).await;
        assert_eq!((&opened.findings, kinds(&told)), (&told, vec!["removed"]), "{sql}");
        assert_eq!((&opened.tasks, &opened.collections), (&vec![first.clone()], &rows), "{sql}");
        assert_eq!(kinds(&reopened(opened).await.findings), [""; 0], "{sql}");
    }
}

#[tokio::test]
async fn damaged_rows_and_descriptions_are_taken_from_each_other() {
    let (root, rows) = three().await;
    for (sql, expected) in [
        ("UPDATE fields SET dimension = 3 WHERE chunk_tokens IS NULL", "restored"),
        ("UPDATE fields SET name = 'title' WHERE chunk_tokens IS NULL", "restored"),
        ("DELETE FROM fields WHERE chunk_tokens IS NULL", "restored"),
        ("INSERT INTO dropped_fields SELECT uuid, 1 FROM collections", "restored"),
        ("UPDATE collections SET name = 'filmz' WHERE name = 'films'", "restored"),
        ("UPDATE collections SET name = '/' WHERE name = 'films'", "restored"),
        ("UPDATE collections SET last_field = 1, checksum = 0 WHERE name = 'films'", "restored"),
        ("DELETE FROM collections WHERE name = 'films'", "adopted"),
        ("UPDATE state SET change = 1", "changes_lost"),
    ] {
        tamper(root.path(), sql).await;
        let opened = open(root.path()).await;
        assert_eq!(opened.collections, rows, "{sql}");
        assert!(kinds(&opened.findings).contains(&expected), "{sql}: {:?}", opened.findings);
        assert_eq!(kinds(&reopened(opened).await.findings), [""; 0], "{sql}");
    }
    let described = |row: &CollectionRecord| {
        root.path().join("collections").join(row.uuid.to_string()).join("collection.json")
    };
    fs::write(described(&rows[0]), "{}").unwrap();
    fs::copy(described(&rows[2]), described(&rows[1])).unwrap();
    fs::remove_file(described(&rows[2])).unwrap();
    let opened = open(root.path()).await;
    assert_eq!((kinds(&opened.findings), &opened.collections), (vec!["redescribed"; 3], &rows));
    close(opened).await;
    // They can be relied on again.
    fs::remove_file(root.path().join("akidb.db")).unwrap();
    assert_eq!(open(root.path()).await.collections, rows);
}

#[tokio::test]
async fn what_nobody_knows_is_adopted_or_set_aside_and_never_removed() {
    let (root, rows) = three().await;
    let folder = |name: &str| root.path().join("collections").join(name);
    let uuid = rows[1].uuid.to_string();
    // Another collection of the name, out of a copy.
    let copy = tempfile::tempdir().unwrap();
    let other = open(copy.path()).await;
    let row = collection("films");
    let of_copy = other.catalogue.create(&row).await.unwrap();
    let adopted = folder(&row.uuid.to_string());
    fs::rename(&of_copy, &adopted).unwrap();
    // Nobody was ever given it.
    let not_applied = Uuid::now_v7();
    fs::create_dir(folder(&format!("{not_applied}.new"))).unwrap();
    // Its drop was committed.
    fs::create_dir(folder(&format!("{}.dropped", Uuid::now_v7()))).unwrap();
    // Nothing tells what they are.
    let unknown = Uuid::now_v7().to_string();
    for name in [unknown.as_str(), "backup of films", &uuid.to_uppercase()] {
        fs::create_dir(folder(name)).unwrap();
        fs::write(folder(name).join("documents.db"), "documents").unwrap();
    }
    let told = Catalogue::inspect(root.path()).await.unwrap();
    let opened = open(root.path()).await;
    assert_eq!(opened.findings, told);
    assert_eq!(kinds(&told), ["set_aside", "set_aside", "set_aside", "adopted"]);
    let names: Vec<_> = opened.collections.iter().map(|row| row.name.as_str()).collect();
    let digits = &row.uuid.simple().to_string()[24..];
    assert_eq!(names, ["books", "films", &format!("films-{digits}"), "songs"]);
    assert_eq!(fs::read_dir(root.path().join("collections")).unwrap().count(), 4);
    for name in [unknown.as_str(), "backup of films", &uuid.to_uppercase()] {
        let kept = root.path().join("lost+found").join(name).join("documents.db");
        assert_eq!(fs::read_to_string(kept).unwrap(), "documents");
    }
    assert_eq!(kinds(&reopened(opened).await.findings), [""; 0]);
}

#[tokio::test]
async fn what_a_kill_has_cut_short_is_finished() {
    let (root, rows) = three().await;
    let folder = |name: &str| root.path().join("collections").join(name);
    // Killed between the commit of a creation, of a drop, of a change and what follows each.
    let [books, films, songs] = [0, 1, 2].map(|at| rows[at].uuid.to_string());
    fs::rename(folder(&books), folder(&format!("{books}.new"))).unwrap();
    fs::rename(folder(&films), folder(&format!("{films}.dropped"))).unwrap();
    let description = fs::read(folder(&songs).join("collection.json")).unwrap();
    let opened = open(root.path()).await;
    let changed = CollectionRecord { description: Some("played".into()), ..rows[2].clone() };
    opened.catalogue.change(&changed).await.unwrap();
    close(opened).await;
    fs::write(folder(&songs).join("collection.json"), description).unwrap();

    let opened = open(root.path()).await;
    assert_eq!(opened.collections, [rows[0].clone(), changed.clone()]);
    close(opened).await;
    assert_eq!(fs::read_dir(root.path().join("collections")).unwrap().count(), 2);
    fs::remove_file(root.path().join("akidb.db")).unwrap();
    assert_eq!(open(root.path()).await.collections, [rows[0].clone(), changed]);
}
