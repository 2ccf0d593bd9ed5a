//! Facets of documents spread over two indexes, against the documents counted one by one.

#![expect(clippy::unwrap_used, reason = "a test that cannot make its documents has failed")]

use std::collections::{BTreeMap, BTreeSet};

use akidb_core::{
    Borders, DateInterval, DocumentId, Facet, FacetBuckets, FacetBy, FacetCounts, FieldPath,
    Filter, Limits, Metadata, RangeCount, ValueCount,
};
use akidb_index::FilterIndex;
use proptest::prelude::*;
use roaring::RoaringBitmap;
use serde_json::{Value, json};

use crate::filter_model::{id, metadata, object, path, value};

/// Documents by slot, in an index or in a list.
#[derive(Default)]
pub(crate) struct Pair {
    pub(crate) index: FilterIndex,
    pub(crate) documents: Vec<Metadata>,
}

impl Pair {
    pub(crate) fn of(documents: Vec<Vec<Value>>) -> Self {
        let mut pair = Self::default();
        for batch in documents {
            let first = pair.documents.len() as u32;
            pair.documents.extend(batch.into_iter().map(metadata));
            let batch = (first..).zip(&pair.documents[first as usize..]);
            let batch: Vec<(u32, DocumentId, &Metadata)> =
                batch.map(|(slot, of)| (slot, id(slot), of)).collect();
            pair.index
                .insert_batch(batch.iter().map(|(slot, id, of)| (*slot..slot + 1, (id, *of))));
        }
        pair
    }

    pub(crate) fn wanted(&self, seed: u32) -> RoaringBitmap {
        let is_wanted = |slot: &u32| seed == 0 || !(slot ^ seed).count_ones().is_multiple_of(3);
        (0..self.documents.len() as u32).filter(is_wanted).collect()
    }
}

/// What a path leads to in a document, and the elements of lists there.
fn scalars<'a>(of: &'a Metadata, path: &str) -> Vec<&'a Value> {
    let found = of.values_at(path);
    let elements = found.iter().flat_map(|value| value.as_array().into_iter().flatten());
    elements.chain(found.iter().copied()).collect()
}

/// Whether a value alone matches a condition.
fn is(value: &Value, condition: &Value) -> bool {
    let filter = Filter::parse(&json!({"v": condition}), &Limits::default()).unwrap();
    filter.matches((&DocumentId::Integer(0), &metadata(json!({"v": value}))))
}

fn is_date(value: &Value) -> bool {
    value.is_string()
        && (is(value, &json!({"$gte": "2000-01-01"})) || is(value, &json!({"$lt": "2000-01-01"})))
}

/// A value that is counted, so that equal ones are equal and all are in their order.
#[derive(Clone, Debug, PartialEq, PartialOrd)]
enum Counted {
    Boolean(bool),
    Number(f64, i128),
    Text(String),
}

fn counted(value: &Value) -> Option<Counted> {
    match value {
        Value::Bool(given) => Some(Counted::Boolean(*given)),
        Value::String(text) if text.len() <= FilterIndex::STRING_BYTES_MAX => {
            Some(Counted::Text(text.clone()))
        }
        Value::Number(number) => {
            let integer = number.as_i64().map(i128::from).or(number.as_u64().map(i128::from));
            let float = number.as_f64().unwrap();
            let is_whole = float.fract() == 0.0 && float.abs() < 1e30;
            let integer = integer.or(is_whole.then_some(float as i128));
            Some(Counted::Number(float, integer.unwrap_or_default()))
        }
        _ => None,
    }
}

/// Each counted value with its documents, in order.
fn values_of(documents: &[&Metadata], path: &str) -> (Vec<(Counted, u64)>, u64) {
    let (mut all, mut missing): (Vec<(Counted, u64)>, u64) = (Vec::new(), 0);
    for document in documents {
        let mut own: Vec<Counted> = Vec::new();
        for value in scalars(document, path).into_iter().filter_map(counted) {
            if !own.contains(&value) {
                own.push(value);
            }
        }
        missing += u64::from(own.is_empty());
        for value in own {
            match all.iter_mut().find(|(known, _)| *known == value) {
                Some((_, count)) => *count += 1,
                None => all.push((value, 1)),
            }
        }
    }
    all.sort_by(|(left, _), (right, _)| left.partial_cmp(right).unwrap());
    (all, missing)
}

fn check_values(documents: &[&Metadata], path: &str, limit: usize, found: &FacetCounts) {
    let (mut all, missing) = values_of(documents, path);
    all.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    assert_eq!(found.distinct, all.len() as u64, "{path}");
    assert_eq!(found.missing, missing, "{path}");
    let rest: u64 = all.iter().skip(limit).map(|(_, count)| count).sum();
    assert_eq!(found.other, rest, "{path}");
    let listed = values(found).iter().map(|it| (counted(&it.value).unwrap(), it.count));
    all.truncate(limit);
    assert_eq!(listed.collect::<Vec<_>>(), all, "{path}");
}

fn check_ranges(documents: &[&Metadata], path: &str, borders: &Borders, found: &FacetCounts) {
    let is_counted =
        |value: &Value| if borders.are_dates() { is_date(value) } else { value.is_number() };
    let count = |wanted: &dyn Fn(&Value) -> bool| {
        let has = |of: &&&Metadata| {
            scalars(of, path).into_iter().any(|value| is_counted(value) && wanted(value))
        };
        documents.iter().filter(has).count() as u64
    };
    for RangeCount { from, to, count: found } in ranges(found) {
        let within = |value: &Value| {
            from.as_ref().is_none_or(|from| is(value, &json!({"$gte": from})))
                && to.as_ref().is_none_or(|to| is(value, &json!({"$lt": to})))
        };
        assert_eq!(*found, count(&within), "{path} {from:?} {to:?}");
    }
    assert_eq!(found.missing, documents.len() as u64 - count(&|_| true), "{path}");
}

fn values(of: &FacetCounts) -> &[ValueCount] {
    let FacetBuckets::Values(values) = &of.buckets else { panic!("{of:?} has values") };
    values
}

fn ranges(of: &FacetCounts) -> &[RangeCount] {
    let FacetBuckets::Ranges(ranges) = &of.buckets else { panic!("{of:?} has ranges") };
    ranges
}

/// An end of a range, empty where there is none.
fn text(end: &Option<Value>) -> String {
    end.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn check_dates(
    documents: &[&Metadata],
    path: &str,
    limit: usize,
    found: &FacetCounts,
    all: &FacetCounts,
) {
    let mut by_interval: BTreeMap<(String, String), BTreeSet<usize>> = BTreeMap::new();
    for (at, document) in documents.iter().enumerate() {
        for value in scalars(document, path).into_iter().filter(|value| is_date(value)) {
            let within = ranges(all).iter().find(|RangeCount { from, to, .. }| {
                from.as_ref().is_none_or(|from| is(value, &json!({"$gte": from})))
                    && to.as_ref().is_none_or(|to| is(value, &json!({"$lt": to})))
            });
            let RangeCount { from, to, .. } = within.unwrap();
            by_interval.entry((text(from), text(to))).or_default().insert(at);
        }
    }
    let listed = ranges(found).iter().map(|it| ((text(&it.from), text(&it.to)), it.count));
    let expected: Vec<_> =
        by_interval.into_iter().map(|(key, documents)| (key, documents.len() as u64)).collect();
    let (earlier, latest) = expected.split_at(expected.len().saturating_sub(limit));
    assert_eq!(listed.collect::<Vec<_>>(), latest, "{path}");
    assert_eq!(found.other, earlier.iter().map(|(_, count)| count).sum::<u64>(), "{path}");
    assert_eq!(found.distinct, expected.len() as u64, "{path}");
}

fn borders() -> impl Strategy<Value = Borders> {
    let numbers = vec![json!(-1), json!(0), json!(0.5), json!(2), json!(9_007_199_254_740_993_i64)];
    let dates = ["1970-01-01", "2020-01-01", "2020-01-01T00:00:00.2Z", "2020-01-01T12:00:00-08:00"];
    let dates = dates.map(Value::from).to_vec();
    let some = prop_oneof![
        prop::sample::subsequence(numbers, 1..=5),
        prop::sample::subsequence(dates, 1..=4),
    ];
    some.prop_map(|values| Borders::new(values).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn facets_are_what_counting_documents_one_by_one_gives(
        batches in prop::collection::vec(prop::collection::vec(object(value()), 0..12), 0..6),
        beside in prop::collection::vec(object(value()), 0..6),
        seed in 0_u32..50,
        paths in prop::collection::vec(path(), 1..6),
        limit in 1_usize..5,
        borders in borders(),
        interval in prop::sample::select(DateInterval::ALL.to_vec()),
    ) {
        let pairs = [Pair::of(batches), Pair::of(vec![beside])];
        let wanted = [pairs[0].wanted(seed), pairs[1].wanted(seed / 2)];
        let of = [(&pairs[0].index, &wanted[0]), (&pairs[1].index, &wanted[1])];
        let documents: Vec<&Metadata> = pairs.iter().zip(&wanted)
            .flat_map(|(pair, wanted)| wanted.iter().map(|slot| &pair.documents[slot as usize]))
            .collect();
        for path in paths.iter().filter(|path| path.len() <= FieldPath::BYTES_MAX) {
            let facet = |by: FacetBy| {
                let facet = Facet { field: FieldPath::new(path).unwrap(), by };
                FilterIndex::facet(&of, &facet, &|| false).unwrap()
            };
            check_values(&documents, path, limit, &facet(FacetBy::Values { limit }));
            check_ranges(&documents, path, &borders, &facet(FacetBy::Ranges(borders.clone())));
            let all = facet(FacetBy::Dates { interval, limit: 10_000 });
            check_dates(&documents, path, limit, &facet(FacetBy::Dates { interval, limit }), &all);
        }
    }
}

#[test]
fn values_of_a_whole_block_and_more_are_counted() {
    let document = |at: u32| {
        let mut document = json!({
            "own": at, "few": at % 7, "tags": [at % 3, at % 5],
            "day": format!("20{:02}-01-01", at % 50),
        });
        if at.is_multiple_of(1_000) {
            document["rare"] = json!([at, at + 1]);
        }
        document
    };
    let pair = Pair::of(
        (0..8).map(|batch| (0..10_000).map(|at| document(batch * 10_000 + at)).collect()).collect(),
    );
    let wanted = pair.wanted(0);
    let count = |field: &str, by: FacetBy| {
        let facet = Facet { field: FieldPath::new(field).unwrap(), by };
        FilterIndex::facet(&[(&pair.index, &wanted)], &facet, &|| false).unwrap()
    };
    let own = count("own", FacetBy::Values { limit: 3 });
    assert_eq!((own.distinct, own.other, own.missing), (80_000, 79_997, 0));
    let first = |value: u64, count: u64| ValueCount { value: json!(value), count };
    assert_eq!(values(&own)[0], first(0, 1));
    let few = count("few", FacetBy::Values { limit: 10 });
    assert_eq!(values(&few).iter().map(|it| it.count).sum::<u64>(), 80_000);
    // 0 by one rule or the other: 1/3 and 1/5, and both for 1/15.
    let tags = count("tags", FacetBy::Values { limit: 1 });
    assert_eq!(values(&tags)[0], first(0, 26_667 + 16_000 - 5_334));
    let years = count("day", FacetBy::Dates { interval: DateInterval::Year, limit: 50 });
    assert!(ranges(&years).iter().all(|it| it.count == 1_600));
    assert_eq!(years.distinct, 50);
    let borders = Borders::new(vec![json!(10), json!(70_000)]).unwrap();
    let parts = count("own", FacetBy::Ranges(borders));
    let parts: Vec<u64> = ranges(&parts).iter().map(|it| it.count).collect();
    assert_eq!(parts, [10, 69_990, 10_000]);
    // One document in a thousand has two values, which are in one range.
    let rare = count("rare", FacetBy::Ranges(Borders::new(vec![json!(0)]).unwrap()));
    let of_rare: Vec<u64> = ranges(&rare).iter().map(|it| it.count).collect();
    assert_eq!((of_rare, rare.missing), (vec![0, 80], 79_920));
}

#[test]
fn a_count_that_nobody_waits_for_ends() {
    let pair = Pair::of(vec![(0..10_000).map(|at| json!({"own": at})).collect()]);
    let wanted = pair.wanted(0);
    let facet = Facet { field: FieldPath::new("own").unwrap(), by: FacetBy::Values { limit: 3 } };
    assert_eq!(FilterIndex::facet(&[(&pair.index, &wanted)], &facet, &|| true), None);
}
