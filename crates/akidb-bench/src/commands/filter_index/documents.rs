//! Seeded documents with the metadata of a catalogue, and filters over them.

use akidb_core::{Limits, Metadata};
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};

/// Operands of the longest list, as many as a filter may have.
const LISTED: u32 = 1_000;

/// Words that titles are made of.
const WORDS: [&str; 16] = [
    "amber", "basalt", "copper", "delta", "ember", "fjord", "garnet", "harbour", "indigo",
    "juniper", "kelp", "lantern", "meadow", "nectar", "opal", "quartz",
];

pub(super) fn make(count: u32, seed: u64) -> anyhow::Result<Vec<Metadata>> {
    let mut random = StdRng::seed_from_u64(seed);
    let limits = Limits::default();
    let documents = (0..count).map(|number| {
        let Value::Object(object) = document(number, &mut random) else {
            unreachable!("an object")
        };
        Ok(Metadata::new(object, &limits)?)
    });
    documents.collect()
}

fn document(number: u32, random: &mut StdRng) -> Value {
    let mut word = || WORDS[random.random_range(0..WORDS.len())];
    let title = format!("{} {} {number}", word(), word());
    let tags: Vec<String> = (0..3).map(|_| format!("tag-{}", random.random_range(0..50))).collect();
    let seconds = random.random_range(0..86_400);
    json!({
        "serial": number,
        "title": title,
        "price": random.random_range(0.0..1_000.0),
        "created": format!(
            "20{:02}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
            random.random_range(0..25), random.random_range(1..13), random.random_range(1..29),
            seconds / 3_600, seconds / 60 % 60, seconds % 60,
        ),
        "category": format!("category {}", random.random_range(0..20)),
        "tenant": random.random_range(0..1_000),
        "in_stock": random.random_bool(0.7),
        "tags": tags,
        "discount": if random.random_bool(0.1) { json!(random.random_range(1..50)) } else { json!(null) },
    })
}

/// Filters of every kind, each with a name for people.
pub(super) fn filters(count: u32) -> Vec<(&'static str, Value)> {
    let listed: Vec<u32> = (0..LISTED).map(|at| at * (count / LISTED).max(1)).collect();
    let titles: Vec<String> = (0..LISTED).map(|at| format!("amber opal {at}")).collect();
    vec![
        ("category = x", json!({"category": "category 7"})),
        ("serial = x, one document", json!({"serial": count / 2})),
        ("category != x", json!({"category": {"$ne": "category 7"}})),
        ("price >= x, half", json!({"price": {"$gte": 500.0}})),
        ("price in 1 %", json!({"price": {"$gte": 500.0, "$lt": 510.0}})),
        ("serial >= x, half", json!({"serial": {"$gte": count / 2}})),
        ("created >= a date, half", json!({"created": {"$gte": "2012-07-01"}})),
        ("title > a string, half", json!({"title": {"$gt": "indigo"}})),
        ("title has a rare text", json!({"title": {"$contains": "opal 4242"}})),
        ("title has a common text", json!({"title": {"$contains": "amber"}})),
        ("title has one letter", json!({"title": {"$contains": "e"}})),
        ("serial in 1,000 listed", json!({"serial": {"$in": listed}})),
        ("serial not in 1,000 listed", json!({"serial": {"$nin": listed}})),
        ("title in 1,000 listed", json!({"title": {"$in": titles}})),
        ("tags has two values", json!({"tags": {"$contains": ["tag-1", "tag-2"]}})),
        ("tags = x or in stock", json!({"$or": [{"tags": "tag-1"}, {"in_stock": true}]})),
        ("discount exists", json!({"discount": {"$exists": true}})),
        ("discount = null", json!({"discount": null})),
        (
            "not (tenant < x and in stock)",
            json!({"$not": {"tenant": {"$lt": 500}, "in_stock": true}}),
        ),
        (
            "five conditions",
            json!({
                "tenant": {"$lt": 100}, "in_stock": true, "price": {"$lt": 900}, "tags": {"$ne": "tag-3"},
                "created": {"$gte": "2005-01-01"},
            }),
        ),
    ]
}
