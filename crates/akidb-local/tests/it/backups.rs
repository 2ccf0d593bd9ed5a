//! Backups are of one moment, and a restore gives back that moment or changes nothing.

use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use akidb_core::{CollectionName, DocumentId, ErrorCode, KeywordSettings};
use akidb_engine::{
    Applied, Collection, CollectionRecord, Progress, StorageEngine, UpsertRules, WorkEnd, Write,
};
use akidb_local::LocalEngine;
use akidb_store::{
    BackupFolder, DataDirectory, StoreError, restore, test_restore, verify_backup as verify,
};
use uuid::Uuid;

use crate::fields::{deadline, field, open, row};

async fn create(engine: &LocalEngine, name: &str) -> Arc<dyn Collection> {
    let record = CollectionRecord {
        uuid: Uuid::now_v7(),
        name: CollectionName::new(name).unwrap(),
        aliases: vec![CollectionName::new(&format!("{name}-alias")).unwrap()],
        description: Some(format!("of {name}")),
        fields: vec![field(0, "", 2), field(1, "title", 2)],
        shadows: Vec::new(),
        dropped_fields: Vec::new(),
        last_field: 1,
        keyword: KeywordSettings::default(),
        ttl_seconds: None,
        created_unix_ms: 0,
    };
    engine.create(record, 10, deadline()).await.unwrap()
}

/// Each is acknowledged in all collections, in their order, before the next one begins.
async fn write_all(collections: &[Arc<dyn Collection>], number: i64) {
    for collection in collections {
        let row = row(number, Some(vec![1.0, 2.0]), &[(1, vec![3.0, 4.0])]);
        let write = Write::Upsert(vec![row], UpsertRules::default());
        let Applied::Upserted(_) = collection.write(write, deadline()).await.unwrap() else {
            panic!("not upserted")
        };
    }
}

async fn count(engine: &LocalEngine, name: &str) -> u64 {
    engine.open(name).unwrap().count(None).await.unwrap().count
}

fn backups(root: &Path) -> BackupFolder {
    BackupFolder::new(root.join("backups"))
}

const NAMES: [&str; 3] = ["a", "b", "c"];

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_backup_is_of_one_moment_of_what_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let engine = open(&data).await;
    let mut collections = Vec::new();
    for name in NAMES {
        collections.push(create(&engine, name).await);
    }
    let is_over = Arc::new(AtomicBool::new(false));
    let writer = {
        let (collections, is_over) = (collections.clone(), Arc::clone(&is_over));
        tokio::spawn(async move {
            let mut number = 0;
            while !is_over.load(Ordering::Acquire) {
                write_all(&collections, number).await;
                number += 1;
            }
            number.cast_unsigned()
        })
    };
    let mut taken = Vec::new();
    for _ in 0..12 {
        let (id, before) = (Uuid::now_v7(), count(&engine, "c").await);
        assert_eq!(engine.back_up(id, Progress::default()).await.unwrap(), WorkEnd::Done);
        taken.push((id, before, count(&engine, "a").await));
    }
    is_over.store(true, Ordering::Release);
    let written = writer.await.unwrap();
    // One that is there already is what was asked for.
    assert_eq!(engine.back_up(taken[0].0, Progress::default()).await.unwrap(), WorkEnd::Done);
    let listed = engine.backups().await.unwrap();
    assert_eq!(listed.len(), taken.len());
    drop(collections);
    engine.close().await;
    drop(engine);

    for ((id, least, most), info) in taken.into_iter().zip(&listed) {
        assert_eq!((info.id, &info.fault), (id, &None));
        let tested = test_restore(&backups(&data), id).await.unwrap();
        assert_eq!(tested.faults, []);
        let other = folder.path().join(id.to_string());
        let directory = DataDirectory::open(&other).unwrap();
        let restored = restore(&directory, &backups(&data), id).await.unwrap();
        assert_eq!((restored.manifest.info(), restored.kept_in), (info.clone(), None));
        drop(directory);
        let engine = open(&other).await;
        assert_eq!(engine.status().findings, []);
        let mut counts = Vec::new();
        for (name, of_backup) in NAMES.into_iter().zip(&info.collections) {
            let collection = engine.open(&format!("{name}-alias")).unwrap();
            assert_eq!(collection.record().description, Some(format!("of {name}")));
            assert_eq!(collection.disagreements().await.unwrap(), Vec::<String>::new());
            let count = count(&engine, name).await;
            assert_eq!((of_backup.name.as_str(), of_backup.document_count), (name, count));
            counts.push(count);
            let ids: Vec<DocumentId> = (0..count.cast_signed()).map(DocumentId::from).collect();
            assert_eq!(collection.by_ids(&ids, true).await.unwrap().documents.len() as u64, count);
        }
        // What is written first is never behind, nor ahead by more than the write that goes on.
        assert!(counts.is_sorted_by(|before, after| before >= after), "{counts:?}");
        assert!(counts[0] - counts[2] <= 1, "{counts:?}");
        assert!(least <= counts[2] && counts[0] <= most.max(least), "{least} {counts:?} {most}");
        write_all(&[engine.open("a").unwrap()], i64::MAX).await;
        assert_eq!(count(&engine, "a").await, counts[0] + 1);
        engine.close().await;
    }
    assert!(written > 0);
}

/// A closed data directory with a backup of 10 documents in each collection, and 20 by now.
async fn with_backup(data: &Path) -> Uuid {
    let engine = open(data).await;
    let collections = [create(&engine, "a").await, create(&engine, "b").await];
    for number in 0..10 {
        write_all(&collections, number).await;
    }
    let id = Uuid::now_v7();
    engine.back_up(id, Progress::default()).await.unwrap();
    for number in 10..20 {
        write_all(&collections, number).await;
    }
    drop(collections);
    engine.close().await;
    id
}

#[tokio::test]
async fn what_was_there_is_kept_and_nothing_derived_of_it_is_taken_for_fitting() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let id = with_backup(&data).await;
    let directory = DataDirectory::open(&data).unwrap();
    let restored = restore(&directory, &backups(&data), id).await.unwrap();
    drop(directory);
    let kept_in = restored.kept_in.unwrap();
    assert_eq!(kept_in.file_name().unwrap(), "before-restore-1");
    let engine = open(&data).await;
    assert_eq!((count(&engine, "a").await, count(&engine, "b").await), (10, 10));
    let a = engine.open("a").unwrap();
    // The numbers of the writes that are gone are given to others.
    write_all(&[Arc::clone(&a)], 77).await;
    assert_eq!(a.disagreements().await.unwrap(), Vec::<String>::new());
    drop(a);
    engine.close().await;
    drop(engine);
    let engine = open(&kept_in).await;
    assert_eq!((count(&engine, "a").await, count(&engine, "b").await), (20, 20));
    engine.close().await;
}

#[tokio::test]
async fn a_backup_that_is_not_as_it_was_written_is_refused_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let id = with_backup(&data).await;
    let backup = backups(&data).root().join(id.to_string());
    let mut files = vec![backup.join("akidb.db"), backup.join("backup.json")];
    for collection in fs::read_dir(backup.join("collections")).unwrap() {
        files.push(collection.unwrap().path().join("documents.db"));
    }
    assert_eq!(files.len(), 4);
    for file in files {
        let sound = fs::read(&file).unwrap();
        let mut flipped = sound.clone();
        flipped[sound.len() / 2] ^= 1;
        let mut longer = sound.clone();
        longer.push(0);
        for damaged in [Some(flipped), Some(longer), Some(sound[..sound.len() / 2].to_vec()), None]
        {
            match damaged {
                Some(bytes) => fs::write(&file, bytes).unwrap(),
                None => fs::remove_file(&file).unwrap(),
            }
            let directory = DataDirectory::open(&data).unwrap();
            let refused = restore(&directory, &backups(&data), id).await.unwrap_err();
            let is_told = matches!(
                &refused,
                StoreError::BackupDamaged { .. } | StoreError::Io { action: "reading", .. }
            );
            assert!(is_told, "{}: {refused}", file.display());
            assert!(verify(&backups(&data), id).is_err());
        }
        fs::write(&file, sound).unwrap();
    }
    assert!(verify(&backups(&data), id).is_ok());
    let engine = open(&data).await;
    assert_eq!((count(&engine, "a").await, engine.status().findings), (20, vec![]));
    engine.close().await;
}

#[tokio::test]
async fn backups_are_deleted_stopped_and_told_apart_from_what_only_looks_like_one() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let id = with_backup(&data).await;
    let engine = open(&data).await;
    let root = backups(&data).root().to_owned();
    let stopped = Progress::default();
    stopped.stop();
    let other = Uuid::now_v7();
    assert_eq!(engine.back_up(other, stopped).await.unwrap(), WorkEnd::Stopped);
    // Names that lead elsewhere, a link, one that was cut short, and one of another id.
    std::os::unix::fs::symlink(root.join(id.to_string()), root.join(other.to_string())).unwrap();
    fs::create_dir(root.join(id.to_string().to_uppercase())).unwrap();
    fs::create_dir(root.join(format!("{}.new", Uuid::now_v7()))).unwrap();
    let foreign = Uuid::now_v7();
    fs::create_dir(root.join(foreign.to_string())).unwrap();
    let manifest = root.join(id.to_string()).join("backup.json");
    fs::copy(manifest, root.join(foreign.to_string()).join("backup.json")).unwrap();
    let listed = engine.backups().await.unwrap();
    let listed: Vec<_> = listed.iter().map(|it| (it.id, it.fault.is_some())).collect();
    assert_eq!(listed, [(id, false), (foreign, true)]);
    let absent = engine.delete_backup(other).await.unwrap_err();
    assert_eq!(absent.code, ErrorCode::BackupNotFound);
    for id in [id, foreign] {
        engine.delete_backup(id).await.unwrap();
        assert_eq!(engine.delete_backup(id).await.unwrap_err().code, ErrorCode::BackupNotFound);
    }
    assert_eq!(engine.backups().await.unwrap(), []);
    engine.close().await;
}
