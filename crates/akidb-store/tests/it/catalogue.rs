//! The catalogue of collections.

use akidb_core::{
    Chunking, CollectionName, Dimension, IndexEngine, IndexSettings, Metric, Quantization,
};
use akidb_store::{Catalogue, CollectionRow, DataDirectory};
use uuid::Uuid;

fn collection(name: &str) -> CollectionRow {
    CollectionRow {
        uuid: Uuid::now_v7(),
        name: CollectionName::new(name).unwrap(),
        description: None,
        dimension: Dimension::new(384).unwrap(),
        metric: Metric::L2,
        index: IndexSettings { m: 32, ..IndexSettings::default() },
        model: Some(r#"{"name":"m"}"#.into()),
        chunking: (name == "books").then_some(Chunking { tokens: 128, overlap: 0 }),
        created_unix_ms: 1_700_000_000_000,
    }
}

#[tokio::test]
async fn collections_survive_reopening_and_names_are_taken_once() {
    let root = tempfile::tempdir().unwrap();
    let directory = DataDirectory::open(root.path()).unwrap();
    let catalogue = Catalogue::open(&directory).await.unwrap();
    let (films, books) = (collection("films"), collection("books"));
    catalogue.insert(&films).await.unwrap();
    catalogue.insert(&books).await.unwrap();
    assert!(catalogue.insert(&collection("films")).await.is_err());
    let index = IndexSettings {
        engine: IndexEngine::HnswRs,
        m: 8,
        ef_construction: 64,
        ef: 50,
        quantization: Quantization::None,
    };
    catalogue.update(books.uuid, Some("printed"), &index).await.unwrap();
    catalogue.close().await.unwrap();

    let catalogue = Catalogue::open(&directory).await.unwrap();
    let books = CollectionRow { description: Some("printed".into()), index, ..books };
    assert_eq!(catalogue.collections().await.unwrap(), [books.clone(), films.clone()]);
    catalogue.delete(films.uuid).await.unwrap();
    assert_eq!(catalogue.collections().await.unwrap(), [books]);
}

#[tokio::test]
async fn folders_are_made_listed_and_removed() {
    let root = tempfile::tempdir().unwrap();
    let directory = DataDirectory::open(root.path()).unwrap();
    let uuid = Uuid::now_v7();
    let folder = directory.create_collection(uuid).unwrap();
    std::fs::write(folder.join("documents.db"), "x").unwrap();
    assert_eq!(directory.collection_folders().unwrap(), [uuid]);
    directory.remove_collection(uuid).unwrap();
    directory.remove_collection(uuid).unwrap();
    assert!(directory.collection_folders().unwrap().is_empty());
}
