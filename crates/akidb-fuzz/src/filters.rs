//! The filter language: parsing, matching, and the index that answers filters.

use akidb_core::{DocumentId, Filter, Limits, Metadata};
use akidb_index::FilterIndex;
use serde_json::Value;

/// Metadata of every kind, so that filters meet something.
const METADATA: [&str; 6] = [
    "{}",
    r#"{"a": 1, "b": "x", "c": true, "d": null}"#,
    r#"{"a": [1, 2.5, "x"], "b": {"c": "2024-01-02T03:04:05Z"}}"#,
    r#"{"a": -9007199254740993, "b": "", "c": []}"#,
    r#"{"a": "2024-01-02", "b": 1e300}"#,
    r#"{"a": {"b": {"c": [null, false]}}}"#,
];

/// Parses the input as a filter, and holds the index of filters against matching one by one.
///
/// # Panics
/// When the two differ.
pub fn filters(input: &[u8]) {
    let Ok(json) = serde_json::from_slice::<Value>(input) else { return };
    let limits = Limits::default();
    let Ok(filter) = Filter::parse(&json, &limits) else { return };
    let documents: Vec<(DocumentId, Metadata)> = (0..)
        .zip(METADATA)
        .map(|(number, metadata)| {
            let id = match number % 2 {
                0 => DocumentId::Integer(number),
                _ => DocumentId::Text(format!("document {number}")),
            };
            (id, serde_json::from_str(metadata).expect("sound metadata"))
        })
        .collect();
    let index = FilterIndex::new();
    let mut matching = Vec::new();
    for (slot, (id, metadata)) in (0..).zip(&documents) {
        index.insert(slot..slot + 1, (id, metadata));
        if filter.matches((id, metadata)) {
            matching.push(slot);
        }
    }
    let found = index.matching(&filter).resolved(|slot| {
        let document = documents.get(slot as usize);
        document.is_some_and(|(id, metadata)| filter.matches((id, metadata)))
    });
    assert_eq!(found.into_iter().collect::<Vec<u32>>(), matching, "{json}");
}
