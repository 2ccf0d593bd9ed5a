//! Hits in groups of one value of a field.
//!
//! A first search finds groups by their best hits. Where it meets too few, a further one leaves out the
//! documents of those that are known, until there are enough or no documents left. A group that has not enough
//! hits by then is searched alone. So the groups and their hits are those of all documents, however many
//! one group has.

use std::collections::HashMap;

use akidb_core::{
    Error, ErrorCode, FieldPath, Filter, Limits, Metadata, Result, SortKey, SortKind,
};
use akidb_engine::{Collection, Found, Hit, HitParts, Query, Ranking};
use serde_json::{Value, json};

use super::read::check_limit;
use crate::{GivenGroup, HitGroup, RequestContext};

/// Hits of a group that names no size.
pub const GROUP_SIZE_DEFAULT: u64 = 3;

/// The fewest hits that a search for groups asks for.
const WINDOW_MIN: usize = 32;

/// Hits asked for, for each that is wanted, as some come in groups that are full.
const HITS_A_PLACE: usize = 2;

/// What the hits of a search are grouped by.
pub(super) struct Grouping {
    field: FieldPath,
    /// Hits of a group.
    size: usize,
    /// Groups wanted, those included that are skipped.
    groups: usize,
    /// Groups skipped.
    offset: usize,
    window_max: usize,
}

impl Grouping {
    /// Checks what is asked for. `limit` and `offset` are ones of groups.
    pub(super) fn check(
        GivenGroup { field, size }: GivenGroup,
        limit: usize,
        offset: usize,
        limits: &Limits,
    ) -> Result<Self> {
        let field = FieldPath::new(&field)
            .map_err(|fault| Error::at(ErrorCode::InvalidArgument, "group_by.field", fault))?;
        let window_max = limits.result_window;
        let size = size.unwrap_or(GROUP_SIZE_DEFAULT.min(window_max as u64));
        let size = check_limit(size, window_max).map_err(|error| at_size(&error))?;
        let groups = limit + offset;
        if groups.saturating_mul(size) > window_max {
            let fault = format!(
                "makes {} hits of {groups} groups, allowed are at most {window_max} (result_window)",
                groups.saturating_mul(size)
            );
            return Err(Error::at(ErrorCode::LimitExceeded, "group_by.size", fault));
        }
        Ok(Self { field, size, groups, offset, window_max })
    }

    /// Hits of all groups together.
    pub(super) const fn hits(&self) -> usize {
        self.groups.saturating_mul(self.size)
    }

    fn window(&self, groups: usize) -> usize {
        let places = groups.saturating_mul(self.size).saturating_mul(HITS_A_PLACE);
        places.clamp(WINDOW_MIN.min(self.window_max), self.window_max)
    }
}

fn at_size(error: &Error) -> Error {
    let fault = error.violations.first().map(|fault| fault.description.clone());
    Error::at(error.code, "group_by.size", fault.unwrap_or_default())
}

/// A value as that of a group; `None` for documents that have none.
type Key = Option<SortKey>;

/// A group on its way.
struct Group {
    key: Key,
    /// As its best hit has it.
    value: Value,
    hits: Vec<Hit>,
    /// Whether there are no other hits of it.
    is_whole: bool,
}

impl Group {
    /// The documents that are in it, and no others.
    fn filter(&self, field: &FieldPath) -> Result<Filter> {
        let Some((kind, _)) = self.key.as_ref().and_then(SortKey::parts) else {
            let any = SortKind::ALL.into_iter().map(|kind| of_kind(field, kind));
            return Ok(Filter::Not(Box::new(Filter::Or(any.collect::<Result<_>>()?))));
        };
        // Of several values the least one counts.
        let lower = SortKind::ALL.into_iter().filter(|lower| *lower < kind);
        let mut lower = lower.map(|lower| of_kind(field, lower)).collect::<Result<Vec<_>>>()?;
        if kind > SortKind::True {
            lower.push(condition(field, json!({"$lt": self.value}))?);
        }
        let own = condition(field, json!({"$eq": self.value}))?;
        Ok(Filter::And(vec![own, Filter::Not(Box::new(Filter::Or(lower)))]))
    }
}

/// The documents that have a value of a kind, among others perhaps; of texts those with a date too.
fn of_kind(field: &FieldPath, kind: SortKind) -> Result<Filter> {
    let either_side = |value: Value| {
        let sides = [json!({"$gte": value}), json!({"$lt": value})];
        let sides = sides.into_iter().map(|side| condition(field, side));
        Ok(Filter::Or(sides.collect::<Result<_>>()?))
    };
    match kind {
        SortKind::False => condition(field, json!({"$eq": false})),
        SortKind::True => condition(field, json!({"$eq": true})),
        SortKind::Number => either_side(json!(0)),
        SortKind::Date => either_side(json!("2000-01-01")),
        SortKind::Text => condition(field, json!({"$gte": ""})),
    }
}

fn condition(field: &FieldPath, condition: Value) -> Result<Filter> {
    let limits = Limits { filter_nodes: usize::MAX, ..Limits::default() };
    Filter::parse(&json!({field.as_str(): condition}), &limits)
        .map_err(|fault| Error::new(ErrorCode::Internal, fault.to_string()))
}

fn both(filter: Option<&Filter>, further: Filter) -> Option<Filter> {
    Some(Filter::And(filter.cloned().into_iter().chain([further]).collect()))
}

/// The groups that were asked for, and what all searches for them found, without the hits.
pub(super) async fn grouped(
    context: &RequestContext,
    collection: &dyn Collection,
    query: Query,
    grouping: &Grouping,
) -> Result<(Vec<HitGroup>, Found)> {
    let query = Query { parts: query.parts.max(HitParts::Row), ..query };
    let mut searches = Searches { context, collection, query, all: Found::default() };
    let groups = searches.groups(grouping).await?;
    let mut all = searches.all;
    if groups.iter().all(|group| group.key.is_none()) {
        let exists = condition(&grouping.field, json!({"$exists": true}))?;
        let counted = context.in_store(collection.count(Some(&exists))).await?;
        all.unknown_fields.extend(counted.unknown_fields);
        all.unknown_fields.dedup();
    }
    let groups = groups.into_iter().skip(grouping.offset);
    Ok((groups.map(|Group { value, hits, .. }| HitGroup { value, hits }).collect(), all))
}

/// The searches for one answer.
struct Searches<'a> {
    context: &'a RequestContext,
    collection: &'a dyn Collection,
    query: Query,
    /// What all of them found, without the hits.
    all: Found,
}

impl Searches<'_> {
    async fn groups(&mut self, grouping: &Grouping) -> Result<Vec<Group>> {
        let Grouping { field, size, .. } = grouping;
        let mut groups = Groups::default();
        // Scores of both kinds are relative to the candidates, which another filter would change.
        let candidates = match &self.query.ranking {
            Ranking::Hybrid(hybrid) => Some(hybrid.depth.saturating_mul(2)),
            Ranking::Semantic(_) | Ranking::Keyword(_) => None,
        };
        while groups.all.len() < grouping.groups {
            let missing = grouping.groups - groups.all.len();
            let window = candidates.unwrap_or_else(|| grouping.window(missing));
            let filter = groups.excluded_by(field, self.query.filter.as_ref())?;
            let (hits, is_all) = self.search(filter, window).await?;
            let is_all = is_all || candidates.is_some();
            groups.take(hits, grouping, is_all);
            if is_all {
                break;
            }
        }
        for group in groups.all.iter_mut().skip(grouping.offset) {
            if group.hits.len() < *size && !group.is_whole {
                let filter = both(self.query.filter.as_ref(), group.filter(field)?);
                let (hits, _) = self.search(filter, *size).await?;
                // None where all of them have gone meanwhile.
                if !hits.is_empty() {
                    group.hits = hits;
                }
            }
        }
        Ok(groups.all)
    }

    /// The best hits, and whether there are no others.
    async fn search(&mut self, filter: Option<Filter>, window: usize) -> Result<(Vec<Hit>, bool)> {
        let query = Query { filter, window, ..self.query.clone() };
        let found = self.context.in_search(self.collection.search(query)).await?;
        let is_all = found.hits.len() + found.damaged.len() < window;
        let Found { hits, damaged, degraded, unsearchable, unknown_fields, plan } = found;
        let all = &mut self.all;
        for document in damaged {
            if !all.damaged.contains(&document) {
                all.damaged.push(document);
            }
        }
        all.degraded |= degraded;
        all.unsearchable = unsearchable;
        if all.plan == Default::default() {
            // Later ones ask for the field of the groups as well.
            all.unknown_fields = unknown_fields;
        }
        all.plan = all.plan.and(plan);
        Ok((hits, is_all))
    }
}

/// Groups in the order of their best hits.
#[derive(Default)]
struct Groups {
    all: Vec<Group>,
    places: HashMap<Key, usize>,
}

impl Groups {
    /// A filter that lets through what another one does and what is in none of the groups.
    fn excluded_by(&self, field: &FieldPath, filter: Option<&Filter>) -> Result<Option<Filter>> {
        if self.all.is_empty() {
            return Ok(filter.cloned());
        }
        let known = self.all.iter().map(|group| group.filter(field));
        let known = Filter::Or(known.collect::<Result<_>>()?);
        Ok(both(filter, Filter::Not(Box::new(known))))
    }

    /// Takes hits, best first. Where they are all that there are, new groups have all of theirs.
    fn take(&mut self, hits: Vec<Hit>, grouping: &Grouping, are_all: bool) {
        for hit in hits {
            let (key, value) = key_of(&hit.document.metadata, &grouping.field);
            let place = match self.places.get(&key) {
                Some(place) => *place,
                None if self.all.len() == grouping.groups => continue,
                None => {
                    self.places.insert(key.clone(), self.all.len());
                    self.all.push(Group { key, value, hits: Vec::new(), is_whole: are_all });
                    self.all.len() - 1
                }
            };
            let group = &mut self.all[place];
            let is_known = group.hits.iter().any(|known| known.document.id == hit.document.id);
            if group.hits.len() < grouping.size && !is_known {
                group.hits.push(hit);
            }
        }
    }
}

fn key_of(metadata: &Metadata, field: &FieldPath) -> (Key, Value) {
    match SortKey::least(metadata, field) {
        Some((key, value)) => (Some(key), value.clone()),
        None => (None, Value::Null),
    }
}

#[cfg(test)]
mod tests {
    use akidb_core::DocumentId;

    use super::*;

    /// The filters of groups let each document through exactly where it is in the group.
    #[test]
    fn each_document_is_in_the_group_of_its_least_value_alone() {
        let long = |end: &str| json!(format!("{}{end}", "x".repeat(600)));
        let values = [
            json!(null),
            json!({"b": 1}),
            json!([]),
            json!([null, {}]),
            json!(false),
            json!(true),
            json!([true, false]),
            json!(0),
            json!(1),
            json!(1.0),
            json!([2, 1]),
            json!(-1e300),
            json!(u64::MAX),
            json!("2020-01-01"),
            json!("2020-01-01T01:00:00+01:00"),
            json!("1999-01-01"),
            json!(["a", "2020-01-01"]),
            json!(["b", "a"]),
            json!("a"),
            json!(""),
            json!(["", 1]),
            json!(["a", true]),
            long("a"),
            long("b"),
            json!([long("b"), long("a")]),
            json!([{"c": 1}, "b"]),
        ];
        let field = FieldPath::new("a").unwrap();
        let documents = values.iter().map(|value| json!({"a": value})).chain([json!({})]);
        let documents: Vec<Metadata> = documents
            .map(|it| Metadata::new(it.as_object().unwrap().clone(), &Limits::default()).unwrap())
            .collect();
        for of in &documents {
            let (key, value) = key_of(of, &field);
            let group = Group { key: key.clone(), value, hits: Vec::new(), is_whole: false };
            let filter = group.filter(&field).unwrap();
            for document in &documents {
                let is_in = filter.matches((&DocumentId::Integer(1), document));
                assert_eq!(is_in, key_of(document, &field).0 == key, "{of:?} {document:?}");
            }
        }
    }
}
