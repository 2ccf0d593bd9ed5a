//! Slots in the order of a field, against the documents sorted one by one.

use akidb_core::{Direction, FieldPath, Metadata, OrderBy, SortKey};
use akidb_index::{FilterIndex, OrderStart, OrderedGroup};
use proptest::prelude::*;
use roaring::RoaringBitmap;
use serde_json::{Value, json};

use crate::{
    facet_model::Pair,
    filter_model::{object, path, value},
};

/// Groups of slots, each with the index it is of.
type Groups = Vec<(Option<SortKey>, Vec<(usize, u32)>)>;

fn expected(pairs: &[Pair; 2], wanted: &[RoaringBitmap; 2], order: &OrderBy) -> Groups {
    let slots =
        wanted.iter().enumerate().flat_map(|(of, slots)| slots.iter().map(move |slot| (of, slot)));
    let mut all: Vec<(Option<SortKey>, (usize, u32))> = slots
        .map(|(of, slot)| (SortKey::of(&pairs[of].documents[slot as usize], order), (of, slot)))
        .collect();
    all.sort_by(|(left, _), (right, _)| match (left, right, order.direction) {
        (Some(left), Some(right), Direction::Ascending) => left.cmp(right),
        (Some(left), Some(right), Direction::Descending) => right.cmp(left),
        (left, right, _) => left.is_none().cmp(&right.is_none()),
    });
    let groups = all.chunk_by(|(left, _), (right, _)| left == right);
    groups
        .map(|group| (group[0].0.clone(), group.iter().map(|(_, slot)| *slot).collect()))
        .collect()
}

fn found(groups: Vec<OrderedGroup>) -> Groups {
    let slots = |group: &OrderedGroup| {
        let slots = group.slots.iter().enumerate();
        slots.flat_map(|(of, slots)| slots.iter().map(move |slot| (of, slot))).collect()
    };
    groups.iter().map(|group| (group.key.clone(), slots(group))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn the_order_is_that_of_documents_sorted_one_by_one(
        batches in prop::collection::vec(prop::collection::vec(object(value()), 0..12), 0..6),
        beside in prop::collection::vec(object(value()), 0..6),
        seed in 0_u32..50,
        paths in prop::collection::vec(path(), 1..6),
        wanted_slots in 1_usize..8,
    ) {
        let pairs = [Pair::of(batches), Pair::of(vec![beside])];
        let wanted = [pairs[0].wanted(seed), pairs[1].wanted(seed / 2)];
        let of = [(&pairs[0].index, &wanted[0]), (&pairs[1].index, &wanted[1])];
        for path in paths.iter().filter(|path| path.len() <= FieldPath::BYTES_MAX) {
            for direction in Direction::ALL {
                let order = OrderBy { field: FieldPath::new(path).unwrap(), direction };
                let in_order = |start: OrderStart<'_>, wanted: usize| {
                    found(FilterIndex::in_order(&of, &order, start, wanted, &|| false).unwrap())
                };
                let all = expected(&pairs, &wanted, &order);
                prop_assert_eq!(&in_order(OrderStart::First, 10_000), &all, "{} {:?}", path, direction);
                // From each value on, and from what stands between two.
                for (at, (key, _)) in all.iter().enumerate() {
                    let start = key.as_ref().map_or(OrderStart::WithoutValue, OrderStart::At);
                    let given = in_order(start, wanted_slots);
                    prop_assert_eq!(&given[..], &all[at..at + given.len()], "{} {:?}", path, key);
                    let behind: usize = given[1..].iter().map(|(_, slots)| slots.len()).sum();
                    let is_enough = behind >= wanted_slots || at + given.len() == all.len();
                    prop_assert!(is_enough, "{} {:?}", path, key);
                }
                let between: [Value; 4] = [json!(0.25), json!("aa"), json!("2000-01-01"), json!("x".repeat(100))];
                for value in between {
                    let own = Metadata::new(json!({"v": value}).as_object().unwrap().clone(), &Default::default());
                    let by = OrderBy { field: FieldPath::new("v").unwrap(), direction };
                    let key = SortKey::of(&own.unwrap(), &by).unwrap();
                    let behind = all.iter().filter(|(it, _)| it.as_ref().is_none_or(|it| match direction {
                        Direction::Ascending => *it >= key,
                        Direction::Descending => *it <= key,
                    }));
                    let behind: Groups = behind.cloned().collect();
                    prop_assert_eq!(in_order(OrderStart::At(&key), 10_000), behind, "{} {:?}", path, key);
                }
            }
        }
    }
}

#[test]
fn few_groups_are_looked_at_for_a_page() {
    let document =
        |at: u32| json!({"own": (at * 7) % 30_000, "day": format!("20{:02}-01-01", at % 50)});
    let pair = Pair::of(
        (0..3).map(|batch| (0..10_000).map(|at| document(batch * 10_000 + at)).collect()).collect(),
    );
    let wanted = pair.wanted(0);
    let in_order = |field: &str, direction, start: OrderStart<'_>| {
        let order = OrderBy { field: FieldPath::new(field).unwrap(), direction };
        FilterIndex::in_order(&[(&pair.index, &wanted)], &order, start, 10, &|| false).unwrap()
    };
    let own = in_order("own", Direction::Descending, OrderStart::First);
    assert_eq!(own.len(), 10);
    assert!(own.iter().all(|group| group.len() == 1));
    let day = in_order("day", Direction::Descending, OrderStart::First);
    assert_eq!((day.len(), day[0].len()), (1, 600));
    let next = in_order("day", Direction::Descending, OrderStart::At(day[0].key.as_ref().unwrap()));
    assert_eq!((next.len(), &next[0]), (2, &day[0]));
    let nothing = in_order("nothing", Direction::Ascending, OrderStart::First);
    assert_eq!((nothing.len(), nothing[0].len()), (1, 30_000));
}
