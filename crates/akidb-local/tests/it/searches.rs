use std::{
    os::unix::fs::FileExt,
    path::Path,
    time::{Duration, Instant},
};

use akidb_core::{DocumentId, Effort, ErrorCode};
use akidb_engine::{
    Collection, Found, HitParts, NewRow, Query, Shown, StorageEngine, UpsertRules, Write,
};

use crate::fields::{create, deadline, field, near, open, reopened, row};

fn query(parts: HitParts) -> Query {
    Query {
        ranking: near(0, &[1.0, 1.0]),
        filter: None,
        window: 10,
        parts,
        shown: Shown::default(),
        deadline: deadline(),
        effort: Effort::default(),
    }
}

async fn search(collection: &dyn Collection, parts: HitParts) -> (Vec<DocumentId>, Vec<u64>) {
    let Found { hits, damaged, .. } = collection.search(query(parts)).await.unwrap();
    let mut damaged: Vec<u64> = damaged.into_iter().filter_map(|row| Some(row.seq?.0)).collect();
    damaged.sort_unstable();
    (hits.into_iter().map(|hit| hit.document.id).collect(), damaged)
}

fn ids(ids: &[i64]) -> Vec<DocumentId> {
    ids.iter().map(|&id| id.into()).collect()
}

/// Changes a text where it stands in the files of a database, open or not.
pub(crate) fn damage(folder: &Path, text: &str) {
    let mut found = 0;
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let is_of_documents = entry.file_name().to_string_lossy().starts_with("documents.db");
        if !is_of_documents || entry.file_name().to_string_lossy().ends_with("-shm") {
            continue;
        }
        let bytes = std::fs::read(entry.path()).unwrap();
        let file = std::fs::File::options().write(true).open(entry.path()).unwrap();
        for at in 0..bytes.len().saturating_sub(text.len()) {
            if bytes[at..].starts_with(text.as_bytes()) {
                file.write_all_at(b"N", at as u64).unwrap();
                found += 1;
            }
        }
    }
    assert!(found > 0, "{text} stands nowhere");
}

/// What a search says of a row that it does not have to read is what came with its commit, or what was
/// read of it once; a row that nobody has read is read.
#[tokio::test]
async fn a_search_for_ids_reads_what_it_does_not_know_and_nothing_else() {
    let root = tempfile::tempdir().unwrap();
    let engine = open(root.path()).await;
    let films = create(&engine, vec![field(0, "", 2)]).await;
    let rows = [3, 2, 1].map(|id| NewRow {
        text: Some(format!("needle {id}.")),
        ..row(id, Some(vec![1.0, id as f32]), &[])
    });
    films.write(Write::Upsert(rows.to_vec(), UpsertRules::default()), deadline()).await.unwrap();
    let folder = root.path().join("collections").join(films.record().uuid.to_string());
    damage(&folder, "needle 2.");
    assert_eq!(search(&*films, HitParts::Id).await, (ids(&[3, 2, 1]), vec![]));
    assert_eq!(search(&*films, HitParts::Row).await, (ids(&[3, 1]), vec![2]));
    assert_eq!(search(&*films, HitParts::Vectors).await, (ids(&[3, 1]), vec![2]));

    let (engine, films) = reopened(engine, films, root.path()).await;
    assert_eq!(search(&*films, HitParts::Id).await, (ids(&[3, 1]), vec![2]), "not known, so read");
    damage(&folder, "needle 1.");
    assert_eq!(search(&*films, HitParts::Id).await, (ids(&[3, 1]), vec![2]), "known since");
    let (engine, films) = reopened(engine, films, root.path()).await;
    assert_eq!(search(&*films, HitParts::Id).await, (ids(&[3]), vec![2, 3]));
    drop(films);
    engine.close().await;
}

#[tokio::test]
async fn a_search_ends_with_its_deadline() {
    let root = tempfile::tempdir().unwrap();
    let engine = open(root.path()).await;
    let films = create(&engine, vec![field(0, "", 2)]).await;
    let rows: Vec<NewRow> = (0..400).map(|id| row(id, Some(vec![1.0, id as f32]), &[])).collect();
    films.write(Write::Upsert(rows, UpsertRules::default()), deadline()).await.unwrap();
    for exact in [true, false] {
        let effort = Effort { exact, ..Effort::default() };
        let past = Instant::now().checked_sub(Duration::from_millis(1)).unwrap();
        let late = Query { deadline: past, effort, ..query(HitParts::Row) };
        let error = films.search(late).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::DeadlineExceeded);
        let in_time = Query { effort, ..query(HitParts::Row) };
        assert_eq!(films.search(in_time).await.unwrap().hits.len(), 10);
    }
    drop(films);
    engine.close().await;
}
