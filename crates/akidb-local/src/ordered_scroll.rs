//! Pages of documents in the order of a field.
//!
//! The filter index says which documents have which value, value after value. Those with the same value are in the
//! order of their creation, which the store knows. So a page ends at a value and a number, and the next one begins
//! behind these, whatever was written meanwhile.

use std::{collections::HashMap, ops::Range, time::Duration};

use akidb_core::{Error, ErrorCode, Filter, OrderBy, Result, Seq, SortKey};
use akidb_engine::{Rows, ScrollPage, ScrollPosition, ScrollRequest};
use akidb_index::{FilterIndex, OrderStart, OrderedGroup};
use akidb_store::{Matching as OfStore, OfValue, PageRequest};
use roaring::RoaringBitmap;

use crate::{
    collections::OpenCollection,
    facets::values_of,
    matching::{Settled, look},
    projection::Matching,
};

/// How often a page is put together again when documents of it were replaced meanwhile.
const ATTEMPTS_MAX: u32 = 8;

/// How long the commit that replaced them is waited for before each.
const COMMIT_TAKES_MAX: Duration = Duration::from_millis(250);

/// Documents of neighboring values that are sorted together, or twice a page. Those of a value that more have
/// are found in the order of their numbers.
const SORTED: usize = 1_000;

/// Documents with one value.
struct Group {
    key: Option<SortKey>,
    /// Their row versions, ascending.
    versions: Vec<Seq>,
}

/// The groups that a page is made of.
struct Groups {
    all: Vec<Group>,
    /// The commit that they are of.
    as_of: Seq,
    /// Whether there are no more behind them.
    are_last: bool,
}

/// The page that is asked for.
///
/// # Errors
/// When a read fails.
pub(crate) async fn ordered(
    open: &OpenCollection,
    request: &ScrollRequest<'_>,
    order: &OrderBy,
) -> Result<ScrollPage> {
    let everything = Filter::And(Vec::new());
    let alive = open.asked(request.filter);
    let filter = alive.as_deref().unwrap_or(&everything);
    let mut attempt = 1;
    loop {
        let indexed = open.store.indexed_seq();
        let is_last_attempt = attempt == ATTEMPTS_MAX;
        if let Some(page) = one_look((open, filter), request, order, is_last_attempt).await? {
            return Ok(page);
        }
        let next_commit = open.store.indexed_after(indexed);
        // Without one it is tried again all the same.
        let _ = tokio::time::timeout(COMMIT_TAKES_MAX, next_commit).await;
        attempt += 1;
    }
}

/// The page, or `None` where a document of it was replaced meanwhile; on the last attempt it is then missing.
async fn one_look(
    (open, filter): (&OpenCollection, &Filter),
    request: &ScrollRequest<'_>,
    order: &OrderBy,
    is_last_attempt: bool,
) -> Result<Option<ScrollPage>> {
    let mut position = request.position.clone();
    let mut taken = Taken::default();
    loop {
        let wanted = (request.limit - taken.count).saturating_add(1);
        let groups = groups((open, filter), position.clone(), order, wanted).await?;
        let through = position.as_ref().map_or(groups.as_of, |position| position.through);
        let mut page = PageInOrder { open, filter, request, order, position, through, taken };
        if !page.take(&groups).await? && !is_last_attempt {
            return Ok(None);
        }
        taken = page.taken;
        let last = groups.all.last().and_then(|group| group.key.clone());
        if taken.has_more || groups.are_last || last.is_none() {
            return Ok(Some(taken.into_page(through)));
        }
        // All of these groups were made after the scroll began.
        position = Some(ScrollPosition { value: last, after: through, through });
    }
}

/// As many groups as a page needs, from the one that it begins in.
async fn groups(
    (open, filter): (&OpenCollection, &Filter),
    position: Option<ScrollPosition>,
    order: &OrderBy,
    wanted: usize,
) -> Result<Groups> {
    let (found, settled) = look(open, filter).await?;
    let Settled { matching: read, damaged, .. } = settled;
    let as_of = found.iter().map(|part| part.as_of).min().unwrap_or_default();
    let values = values_of(&open.store, &read).await?;
    let (order, begin) = (order.clone(), position.as_ref().map(|it| it.value.clone()));
    let sorting = move || {
        let mut of: Vec<(&FilterIndex, RoaringBitmap)> =
            found.iter().map(Matching::with_values).collect();
        of.push((&values.index, (0..values.index.slot_count()).collect()));
        let of: Vec<(&FilterIndex, &RoaringBitmap)> =
            of.iter().map(|(index, slots)| (*index, slots)).collect();
        let start = match &position {
            None => OrderStart::First,
            Some(ScrollPosition { value: Some(key), .. }) => OrderStart::At(key),
            Some(ScrollPosition { value: None, .. }) => OrderStart::WithoutValue,
        };
        let sorted =
            FilterIndex::in_order(&of, &order, start, wanted, &|| false).unwrap_or_default();
        let versions_of = |group: OrderedGroup| {
            let mut versions: Vec<Seq> = Vec::new();
            for (source, slots) in group.slots.iter().enumerate() {
                if let Some(part) = found.get(source) {
                    versions.extend(part.documents_in(slots));
                } else {
                    versions.extend(slots.iter().map(|slot| values.documents[slot as usize]));
                }
            }
            versions.sort_unstable();
            Group { key: group.key, versions }
        };
        sorted.into_iter().map(versions_of).collect::<Vec<Group>>()
    };
    let sorted = tokio::task::spawn_blocking(sorting).await;
    let mut all = sorted.map_err(|error| Error::new(ErrorCode::Internal, error.to_string()))?;
    let has_rest = all.last().is_some_and(|group| group.key.is_none());
    let begins_in = |group: &Group| begin.as_ref().is_some_and(|key| *key == group.key);
    let behind = all.iter().filter(|group| !begins_in(group)).map(|group| group.versions.len());
    let are_last = has_rest || behind.sum::<usize>() < wanted;
    // Nobody knows the value of a document that can not be read.
    if are_last && !damaged.is_empty() {
        if !has_rest {
            all.push(Group { key: None, versions: Vec::new() });
        }
        if let Some(last) = all.last_mut() {
            last.versions.extend(damaged);
            last.versions.sort_unstable();
        }
    }
    Ok(Groups { all, as_of, are_last })
}

/// What a page has so far.
#[derive(Default)]
struct Taken {
    rows: Rows,
    /// How many documents, damaged ones included.
    count: usize,
    /// The value and the number of the last one.
    last: Option<(Option<SortKey>, Seq)>,
    has_more: bool,
}

impl Taken {
    fn into_page(self, through: Seq) -> ScrollPage {
        let next = self.last.filter(|_| self.has_more);
        ScrollPage {
            rows: self.rows,
            next: next.map(|(value, after)| ScrollPosition { value, after, through }),
            unknown_fields: Vec::new(),
        }
    }
}

struct PageInOrder<'a> {
    open: &'a OpenCollection,
    filter: &'a Filter,
    request: &'a ScrollRequest<'a>,
    order: &'a OrderBy,
    /// Where it begins.
    position: Option<ScrollPosition>,
    through: Seq,
    taken: Taken,
}

impl PageInOrder<'_> {
    /// Fills the page. Answers false where a document was replaced meanwhile and is missing.
    async fn take(&mut self, groups: &Groups) -> Result<bool> {
        let (mut at, mut is_whole) = (0, true);
        while at < groups.all.len() && !self.taken.has_more {
            let together = sorted_together(&groups.all, at, self.request.limit);
            if together.is_empty() {
                self.walk(&groups.all[at], groups.as_of).await?;
                at += 1;
            } else {
                at = together.end;
                is_whole &= self.sort(&groups.all[together], groups.as_of).await?;
            }
        }
        Ok(is_whole)
    }

    /// The number that documents of a group must be above.
    fn after(&self, group: &Group) -> Seq {
        match &self.position {
            Some(position) if position.value == group.key => position.after,
            _ => Seq(0),
        }
    }

    fn remaining(&self) -> usize {
        self.request.limit - self.taken.count
    }

    /// Takes documents of groups that are few enough to be sorted.
    async fn sort(&mut self, groups: &[Group], as_of: Seq) -> Result<bool> {
        let versions: Vec<Seq> =
            groups.iter().flat_map(|group| group.versions.iter().copied()).collect();
        let Some(numbers) = self.open.store.numbers_of(&versions).await? else {
            // The table can not be read by its keys.
            for group in groups {
                self.walk(group, as_of).await?;
            }
            return Ok(true);
        };
        let are_all_there = numbers.len() == versions.len();
        let mut by_version: Vec<(Seq, Seq)> =
            numbers.into_iter().map(|(number, version)| (version, number)).collect();
        by_version.sort_unstable();
        let number_of = |version: &Seq| {
            by_version.binary_search_by_key(version, |(it, _)| *it).ok().map(|at| by_version[at].1)
        };
        let mut wanted: Vec<(usize, Seq, Seq)> = Vec::new();
        for (at, group) in groups.iter().enumerate() {
            let after = self.after(group);
            let numbered = group.versions.iter().filter_map(|it| Some((at, number_of(it)?, *it)));
            wanted.extend(numbered.filter(|(_, it, _)| *it > after && *it <= self.through));
        }
        wanted.sort_unstable();
        self.taken.has_more = wanted.len() > self.remaining();
        wanted.truncate(self.remaining());
        let Some(&(last, number, _)) = wanted.last() else { return Ok(are_all_there) };
        let versions: Vec<Seq> = wanted.iter().map(|(_, _, version)| *version).collect();
        let rows = self.open.store.by_seqs(&versions, self.request.with_vector).await?;
        let is_whole = are_all_there && rows.documents.len() + rows.damaged.len() == versions.len();
        self.taken.count += versions.len();
        self.taken.last = Some((groups[last].key.clone(), number));
        let places: HashMap<Seq, usize> = versions.iter().copied().zip(0..).collect();
        let Rows { mut documents, mut damaged } = rows;
        documents.sort_by_key(|document| places.get(&document.seq));
        damaged.sort_by_key(|document| document.seq.and_then(|seq| places.get(&seq)));
        self.taken.rows.documents.extend(documents);
        self.taken.rows.damaged.extend(damaged);
        Ok(is_whole)
    }

    /// Takes documents of a group that is too large for that: found in the order of their numbers.
    async fn walk(&mut self, group: &Group, as_of: Seq) -> Result<()> {
        let remaining = self.remaining();
        let value = OfValue { order: self.order, key: group.key.as_ref() };
        let matching =
            OfStore { filter: self.filter, value: Some(value), versions: &group.versions, as_of };
        let request = PageRequest {
            after: self.after(group),
            through: self.through,
            // One tells that there are more.
            limit: remaining.max(1),
            matching: Some(matching),
            with_vector: self.request.with_vector,
        };
        let page = self.open.store.page(request).await?;
        let count = page.rows.documents.len() + page.rows.damaged.len();
        if remaining == 0 {
            self.taken.has_more = count > 0;
            return Ok(());
        }
        if count > 0 {
            self.taken.count += count;
            self.taken.has_more = page.next.is_some();
            // All of the group where there is no next one.
            self.taken.last = Some((group.key.clone(), page.next.unwrap_or(self.through)));
            self.taken.rows.documents.extend(page.rows.documents);
            self.taken.rows.damaged.extend(page.rows.damaged);
        }
        Ok(())
    }
}

/// The groups from one on whose documents are sorted in one go; none where its own are too many.
fn sorted_together(groups: &[Group], from: usize, limit: usize) -> Range<usize> {
    let (mut count, most) = (0, SORTED.max(limit.saturating_mul(2)));
    let fit = groups[from..].iter().take_while(|group| {
        count += group.versions.len();
        count <= most
    });
    from..from + fit.count()
}
