//! Filters answered while another thread writes.

#![expect(clippy::unwrap_used, reason = "a test that cannot make its documents has failed")]

use std::{
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

use akidb_core::{DocumentId, Filter, Limits, Metadata};
use akidb_index::FilterIndex;
use serde_json::{Value, json};

/// A number that runs of 65,536 slots are no multiple of.
const BATCH: u32 = 7;
const BATCHES: u32 = 20_000;

fn metadata(value: Value) -> Metadata {
    Metadata::new(value.as_object().unwrap().clone(), &Limits::default()).unwrap()
}

fn filter(json: &Value) -> Filter {
    Filter::parse(json, &Limits::default()).unwrap()
}

#[test]
fn answers_see_whole_writes_and_every_finished_one() {
    let index = FilterIndex::new();
    let (inserted, removed) = (AtomicU32::new(0), AtomicU32::new(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            for batch in 0..BATCHES {
                let first = batch * BATCH;
                let documents: Vec<(DocumentId, Metadata)> = (first..first + BATCH)
                    .map(|slot| {
                        (i64::from(slot).into(), metadata(json!({"slot": slot, "all": true})))
                    })
                    .collect();
                let documents = documents.iter().map(|(id, metadata)| (id, metadata));
                let slots = (first..).map(|slot| slot..slot + 1);
                index.insert_batch(slots.zip(documents));
                inserted.store(batch + 1, Ordering::Release);
                if let Some(old) = batch.checked_sub(50) {
                    index.remove(&(old * BATCH..(old + 1) * BATCH).collect::<Vec<_>>());
                    removed.store(old + 1, Ordering::Release);
                }
            }
        });
        for all in [json!({"all": true}), json!({"slot": {"$gte": 0}}), json!({"none": null})] {
            let (index, inserted, removed) = (&index, &inserted, &removed);
            scope.spawn(move || {
                let filter = filter(&all);
                while inserted.load(Ordering::Acquire) < BATCHES {
                    let before =
                        (removed.load(Ordering::Acquire), inserted.load(Ordering::Acquire));
                    let found = index.matching(&filter).certain;
                    let (Some(first), Some(last)) = (found.min(), found.max()) else { continue };
                    assert_eq!(found.len() as u32, last + 1 - first, "a hole");
                    assert_eq!((first % BATCH, (last + 1) % BATCH), (0, 0), "a torn batch");
                    assert!(first >= before.0 * BATCH, "slot {first} was removed before");
                    assert!(last + 1 >= before.1 * BATCH, "slot {last} is not the last inserted");
                }
            });
        }
    });
}
