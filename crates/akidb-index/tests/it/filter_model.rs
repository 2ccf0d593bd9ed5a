//! Sequences of operations on a filter index, against a list of documents held against each filter
//! one by one.

#![expect(clippy::unwrap_used, reason = "a test that cannot make its documents has failed")]

use std::ops::Range;

use akidb_core::{DocumentId, Filter, Filtered, Limits, Metadata, Timestamp};
use akidb_index::FilterIndex;
use proptest::{prelude::*, sample::Index};
use roaring::RoaringBitmap;
use serde_json::{Value, json};

#[derive(Clone, Debug)]
enum Step {
    /// Inserts documents, each after a gap and under so many slots.
    Insert(Vec<(u32, u32, Value)>),
    Remove(Vec<Index>),
    /// Goes on with the index read back from its bytes.
    Reopen,
    /// Keeps the slots that are live, in their order or in another.
    Compact {
        in_order: bool,
    },
    Search(Vec<Value>),
}

fn number() -> impl Strategy<Value = Value> {
    let wide = vec![
        json!(-0.0),
        json!(0),
        json!(0.5),
        json!(1e300),
        json!(-1e300),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(9_007_199_254_740_992_i64),
        json!(9_007_199_254_740_993_i64),
        json!(9_007_199_254_740_992.0),
        json!(1.8446744073709552e19),
    ];
    prop_oneof![
        3 => (-3_i64..4).prop_map(Value::from),
        2 => (-6_i32..6).prop_map(|halves| json!(f64::from(halves) / 2.0)),
        1 => prop::sample::select(wide),
    ]
}

fn text() -> impl Strategy<Value = Value> {
    let long = |start: &str, middle: &str| {
        let filling = FilterIndex::STRING_BYTES_MAX - start.len();
        json!(format!("{start}{}{middle}", "x".repeat(filling)))
    };
    let mut texts: Vec<Value> = [
        "",
        "a",
        "b",
        "ab",
        "ba",
        "aba",
        "ÿ",
        "2020-01-01",
        "2020-01-01T00:00:00Z",
        "2020-01-01T01:00:00+01:00",
        "2020-01-01T00:00:00.5Z",
        "2020-01-01 00:00:00",
        "2020-01-01T00:00:00.0000000001",
        "9999-12-31T23:59:59Z",
        "1969-12-31",
        "2020-13-01",
        "2020",
        "AB",
        "Ÿb",
    ]
    .map(Value::from)
    .into();
    texts.extend([long("", ""), long("", "a"), long("", "b"), long("b", "a"), long("b", "")]);
    prop::sample::select(texts)
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        4 => number(),
        4 => text(),
    ]
}

fn key() -> impl Strategy<Value = String> {
    let long = "k".repeat(FilterIndex::PATH_BYTES_MAX);
    let keys = ["a", "a", "b", "b", "c", "a.b", "b.a", &long].map(str::to_owned);
    prop::sample::select(keys.to_vec())
}

pub(crate) fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(4, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            object(inner.clone()),
            prop::collection::vec(object(inner), 1..4).prop_map(Value::from),
        ]
    })
}

pub(crate) fn object(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    let entries = prop::collection::vec((key(), inner), 0..4);
    entries.prop_map(|entries| Value::Object(entries.into_iter().collect()))
}

pub(crate) fn path() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => key(),
        2 => (key(), key()).prop_map(|(a, b)| format!("{a}.{b}")),
        1 => (key(), key(), key()).prop_map(|(a, b, c)| format!("{a}.{b}.{c}")),
    ]
}

fn condition() -> impl Strategy<Value = Value> {
    let ordered = prop_oneof![number(), text()];
    let list = prop::collection::vec(value(), 0..4).prop_map(Value::from);
    let order = prop::sample::select(vec!["$gt", "$gte", "$lt", "$lte"]);
    let member = prop::sample::select(vec!["$in", "$nin", "$contains"]);
    let equal = prop::sample::select(vec!["$eq", "$ne", "$contains"]);
    prop_oneof![
        2 => (equal, value()).prop_map(|(operator, operand)| json!({operator: operand})),
        3 => (order, ordered).prop_map(|(operator, operand)| json!({operator: operand})),
        2 => (member, list).prop_map(|(operator, operand)| json!({operator: operand})),
        1 => any::<bool>().prop_map(|expected| json!({"$exists": expected})),
        2 => text().prop_map(|part| json!({"$contains": part})),
        2 => text().prop_map(|start| json!({"$prefix": start})),
        2 => text().prop_map(|part| json!({"$icontains": part})),
    ]
}

/// An id by its slot: integers and words, among them some that look like dates.
pub(crate) fn id(slot: u32) -> DocumentId {
    match slot % 4 {
        0 => DocumentId::Integer(i64::from(slot)),
        1 => DocumentId::Text(format!("Film-{slot}")),
        2 => DocumentId::Text(slot.to_string()),
        _ => DocumentId::Text(format!("2020-01-01T00:00:00.{slot}Z")),
    }
}

/// When a document expires, by its slot: one in three never does.
fn expires_at(slot: u32) -> Option<Timestamp> {
    let moment = Timestamp::from_unix_ms(i64::from(slot % 20) * 500);
    (!slot.is_multiple_of(3)).then_some(moment)
}

fn condition_on_expiry() -> impl Strategy<Value = Value> {
    let moment =
        (0_i64..20).prop_map(|half| json!(Timestamp::from_unix_ms(half * 500).to_string()));
    let order = prop::sample::select(vec!["$eq", "$ne", "$gt", "$gte", "$lt", "$lte"]);
    prop_oneof![
        4 => (order, moment).prop_map(|(operator, operand)| json!({operator: operand})),
        1 => any::<bool>().prop_map(|expected| json!({"$exists": expected})),
        1 => Just(json!({"$in": [null, "1970-01-01 00:00:01"]})),
    ]
}

fn condition_on_ids() -> impl Strategy<Value = Value> {
    let operand = prop_oneof![
        (0_u32..20).prop_map(|slot| match id(slot) {
            DocumentId::Integer(id) => json!(id),
            DocumentId::Text(id) => json!(id),
        }),
        prop::sample::select(vec![json!(3), json!("1"), json!("2020-01-01"), json!("")]),
    ];
    let one = ["$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$contains", "$prefix", "$icontains"];
    let list = prop::collection::vec(operand.clone(), 0..4).prop_map(Value::from);
    prop_oneof![
        3 => (prop::sample::select(one.to_vec()), operand)
            .prop_map(|(operator, operand)| json!({operator: operand})),
        1 => (prop::sample::select(vec!["$in", "$nin"]), list)
            .prop_map(|(operator, operands)| json!({operator: operands})),
    ]
}

fn filter() -> impl Strategy<Value = Value> {
    let field = prop_oneof![
        5 => (path(), condition()).prop_map(|(path, condition)| json!({path: condition})),
        1 => condition_on_ids().prop_map(|condition| json!({"$id": condition})),
        1 => condition_on_expiry().prop_map(|condition| json!({"$expires_at": condition})),
    ];
    field.prop_recursive(3, 8, 3, |inner| {
        let some = prop::collection::vec(inner.clone(), 1..4);
        let operator = prop::sample::select(vec!["$and", "$or"]);
        prop_oneof![
            (operator, some).prop_map(|(operator, filters)| json!({operator: filters})),
            inner.prop_map(|filter| json!({"$not": filter})),
        ]
    })
}

fn step() -> impl Strategy<Value = Step> {
    let gap = prop_oneof![8 => Just(0_u32), 1 => 1_u32..70, 1 => 65_400_u32..65_600];
    let slots = prop_oneof![6 => Just(1_u32), 2 => 0_u32..5, 1 => 60_u32..200];
    let document = (gap, slots, object(value()));
    prop_oneof![
        4 => prop::collection::vec(document, 0..12).prop_map(Step::Insert),
        2 => prop::collection::vec(any::<Index>(), 0..10).prop_map(Step::Remove),
        1 => Just(Step::Reopen),
        1 => any::<bool>().prop_map(|in_order| Step::Compact { in_order }),
        4 => prop::collection::vec(filter(), 1..8).prop_map(Step::Search),
    ]
}

pub(crate) fn metadata(value: Value) -> Metadata {
    let Value::Object(object) = value else { panic!("{value} is an object") };
    Metadata::new(object, &Limits::default()).unwrap()
}

/// What stands in a slot.
#[derive(Clone, Debug)]
struct Document {
    id: DocumentId,
    metadata: Metadata,
    expires_at: Option<Timestamp>,
}

impl<'d> From<&'d Document> for Filtered<'d> {
    fn from(document: &'d Document) -> Self {
        let Document { id, metadata, expires_at } = document;
        Self { id, metadata, expires_at: *expires_at, text: None }
    }
}

/// The index under test beside what stands in each live slot.
#[derive(Default)]
struct Pair {
    index: FilterIndex,
    documents: Vec<Option<Document>>,
}

impl Pair {
    fn apply(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Insert(documents) => self.insert(documents),
            Step::Remove(slots) => {
                let count = self.documents.len() + 3;
                let slots: Vec<u32> = slots.iter().map(|slot| slot.index(count) as u32).collect();
                self.index.remove(&slots);
                for slot in slots {
                    self.documents.get_mut(slot as usize).into_iter().for_each(|at| *at = None);
                }
            }
            Step::Reopen => self.index = FilterIndex::from_bytes(&self.index.to_bytes()).unwrap(),
            Step::Compact { in_order } => {
                let live = |&slot: &u32| self.documents[slot as usize].is_some();
                let mut old: Vec<u32> = (0..self.documents.len() as u32).filter(live).collect();
                if !in_order {
                    old.sort_by_key(|slot| slot.wrapping_mul(2_654_435_761));
                }
                self.index = self.index.compacted(&old);
                self.documents =
                    old.iter().map(|&slot| self.documents[slot as usize].clone()).collect();
            }
            Step::Search(filters) => {
                for filter in filters {
                    self.check(&filter)?;
                }
            }
        }
        let live = self.documents.iter().flatten().count() as u64;
        prop_assert_eq!(self.index.live_count(), live);
        prop_assert_eq!(self.index.slot_count() as usize, self.documents.len());
        for (slot, document) in (0..).zip(&self.documents) {
            if let Some(document) = document {
                prop_assert_eq!(self.index.id_of(slot), Some(document.id.clone()));
            }
        }
        prop_assert_eq!(self.index.id_of(self.index.slot_count()), None);
        Ok(())
    }

    fn insert(&mut self, documents: Vec<(u32, u32, Value)>) {
        let mut end = self.documents.len() as u32;
        let mut batch: Vec<(Range<u32>, Document)> = Vec::new();
        for (gap, slots, value) in documents {
            let start = if slots == 0 { end } else { end + gap };
            end = start + slots;
            let metadata = metadata(value);
            let document = Document { id: id(start), metadata, expires_at: expires_at(start) };
            batch.push((start..end, document));
        }
        for (slots, document) in &batch {
            self.documents.resize(slots.start as usize, None);
            self.documents.resize(slots.end as usize, Some(document.clone()));
        }
        match &batch[..] {
            [(slots, document)] => self.index.insert(slots.clone(), document),
            _ => {
                let batch = batch.iter().map(|(slots, document)| (slots.clone(), document));
                self.index.insert_batch(batch);
            }
        }
    }

    fn check(&self, json: &Value) -> Result<(), TestCaseError> {
        let Ok(filter) = Filter::parse(json, &Limits::default()) else { return Ok(()) };
        let matches = |slot: u32| {
            let document = self.documents[slot as usize].as_ref();
            document.is_some_and(|document| filter.matches(document))
        };
        let expected: RoaringBitmap =
            (0..self.documents.len() as u32).filter(|&slot| matches(slot)).collect();
        let matching = self.index.matching(&filter);
        prop_assert!(
            matching.certain.is_subset(&expected),
            "{} matches more than {}",
            json,
            self.slots(&expected)
        );
        prop_assert!(matching.certain.is_disjoint(&matching.unsure));
        let unsure = matching.unsure.clone();
        prop_assert_eq!(matching.resolved(matches), expected, "{}", json);
        for slot in unsure {
            let document = self.documents[slot as usize].as_ref();
            let is_open = document.is_some_and(|document| may_be_unsure(&document.metadata, json));
            prop_assert!(is_open, "{} {}", slot, json);
        }
        self.check_unknown_fields(&filter)
    }

    /// A field is unknown where no document has it, which the scan tells by `$exists`.
    fn check_unknown_fields(&self, filter: &Filter) -> Result<(), TestCaseError> {
        let has = |path: &str| {
            let exists = json!({path: {"$exists": true}});
            let exists = Filter::parse(&exists, &Limits::default()).unwrap();
            self.documents.iter().flatten().any(|document| exists.matches(document))
        };
        let unknown = self.index.unknown_fields(filter);
        for path in filter.fields() {
            let is_certain = path.len() <= FilterIndex::PATH_BYTES_MAX;
            if is_certain || unknown.contains(&path) {
                prop_assert_eq!(unknown.contains(&path), !has(path), "{}", path);
            }
        }
        Ok(())
    }

    fn slots(&self, slots: &RoaringBitmap) -> String {
        slots.iter().map(|slot| format!("{slot} {:?}\n", self.documents[slot as usize])).collect()
    }
}

/// Whether something about the document is too long to be kept, or several parts are asked for.
fn may_be_unsure(document: &Metadata, filter: &Value) -> bool {
    let is_long = document.to_json().len() > FilterIndex::PATH_BYTES_MAX;
    is_long || filter.to_string().contains("\"$contains\":[")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn every_sequence_of_operations_matches_the_model(
        steps in prop::collection::vec(step(), 1..20),
    ) {
        let mut pair = Pair::default();
        for step in steps {
            pair.apply(step)?;
        }
    }

    #[test]
    fn damaged_bytes_are_refused_or_read_without_a_panic(
        documents in prop::collection::vec((Just(0_u32), 1_u32..3, object(value())), 1..40),
        flips in prop::collection::vec((any::<Index>(), 0_u8..8), 0..4),
        cut in prop::option::of(any::<Index>()),
        filters in prop::collection::vec(filter(), 1..4),
    ) {
        let mut pair = Pair::default();
        pair.insert(documents);
        pair.index.remove(&[0]);
        let mut bytes = pair.index.to_bytes();
        for (at, bit) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        bytes.truncate(cut.map_or(bytes.len(), |cut| cut.index(bytes.len())));
        let Ok(index) = FilterIndex::from_bytes(&bytes) else { return Ok(()) };
        for filter in filters {
            if let Ok(filter) = Filter::parse(&filter, &Limits::default()) {
                let matching = index.matching(&filter);
                prop_assert!(matching.certain.max().is_none_or(|last| last < index.slot_count()));
            }
        }
        let next = index.slot_count()..index.slot_count() + 1;
        index.insert(next, (&DocumentId::Integer(1), &Metadata::default()));
        let old_slots: Vec<u32> = (0..index.slot_count().min(1_000)).collect();
        drop(index.compacted(&old_slots));
        old_slots.iter().for_each(|&slot| drop(index.id_of(slot)));
    }
}

/// Each of some values as the field of a document, against each of them as the operand of each
/// operator, so that no pair depends on chance.
#[test]
fn every_operator_tells_every_pair_of_values_apart() {
    let long = |end: &str| json!(format!("{}{end}", "x".repeat(FilterIndex::STRING_BYTES_MAX)));
    let start = |bytes: usize, end: &str| json!(format!("{}{end}", "x".repeat(bytes)));
    let values = [
        json!(null),
        json!(true),
        json!(false),
        json!(0),
        json!(-0.0),
        json!(1),
        json!(1.5),
        json!(-2),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(1e300),
        json!(""),
        json!("a"),
        json!("ab"),
        json!("xa"),
        json!("2020-01-01"),
        json!("2020-01-01T01:00:00+01:00"),
        json!("2020-01-02"),
        json!("2020-01-01 00:00:00.0000000000001"),
        json!("XA"),
        long(""),
        long("a"),
        long("b"),
        long("w"),
        long("y"),
        start(64, ""),
        start(63, ""),
        start(63, "y"),
        start(65, ""),
        start(64, "y"),
        start(64, "w"),
        json!([]),
        json!({}),
        json!(["a"]),
        json!(["a", "ab"]),
        json!(["ab", "a"]),
        json!([["a"]]),
        json!([1, null]),
        json!(["2020-01-01T00:00:00Z", 1.5]),
        json!([long("a"), long("b")]),
        json!({"b": 1}),
        json!({"b": 1.0, "c": long("a")}),
        json!({"b": 1, "c": long("b")}),
        json!([{"b": 1}]),
        json!([{"b": ["a", "ab"]}, {"b": ["b"]}]),
        json!([{"b": ["a"]}, {"b": ["ab"]}]),
        json!([{"b": "xab"}, {"b": ["a", "b"]}]),
        json!([{"b": "a"}, {"c": "b"}]),
    ];
    let mut pair = Pair::default();
    let documents = values.iter().map(|value| (0, 1, json!({"a": value})));
    pair.insert(documents.chain([(0, 1, json!({})), (0, 1, json!({"b": 1}))]).collect());
    let operators = [
        "$eq",
        "$ne",
        "$gt",
        "$gte",
        "$lt",
        "$lte",
        "$in",
        "$nin",
        "$contains",
        "$prefix",
        "$icontains",
    ];
    for (path, operator) in
        ["a", "a.b"].iter().flat_map(|path| operators.map(|operator| (path, operator)))
    {
        for operand in &values {
            pair.check(&json!({*path: {operator: operand}})).unwrap();
        }
    }
}
