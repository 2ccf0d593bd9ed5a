//! Whether all ways to ask a collection for its documents give the same ones.

use std::collections::BTreeSet;

use akidb_core::{DocumentId, Filter, Result, Seq};
use akidb_index::SearchRequest;
use akidb_store::{DocumentStore, PageRequest, Placed};

use crate::{
    collections::OpenCollection,
    projection::{Projection, Projections},
};

/// Documents read at once.
const PAGE_ROWS: usize = 1_000;

/// Documents up to which a collection that was found damaged is looked at whenever it is opened.
pub(crate) const AT_OPENING_MAX: u64 = 100_000;

impl OpenCollection {
    pub(crate) async fn disagreements(&self) -> Result<Vec<String>> {
        disagreements(&self.store, &self.projections).await
    }
}

/// What scrolling gives.
#[derive(Default)]
struct Scrolled {
    sound: BTreeSet<Seq>,
    damaged: BTreeSet<Seq>,
    damaged_count: u64,
    ids: Vec<DocumentId>,
}

pub(crate) async fn disagreements(
    store: &DocumentStore,
    projections: &Projections,
) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let scrolled = scrolled(store).await?;
    let (sound, damaged) = (scrolled.sound.len() as u64, scrolled.damaged_count);
    let mut expect = |what: &str, is: u64, should: u64| {
        if is != should {
            found.push(format!("{what} gives {is} documents, a scroll {should}"));
        }
    };
    expect("counting", store.document_count(), sound + damaged);

    let everything = Filter::And(Vec::new());
    let matching = store.matching(&everything).await?;
    let matching: BTreeSet<Seq> = matching.into_iter().collect();
    expect("filtering", matching.intersection(&scrolled.sound).count() as u64, sound);
    expect("filtering", matching.len() as u64, sound);
    let indexed = projections.matching(&everything).into_iter();
    let indexed = indexed.flat_map(|part| part.certain().into_iter().chain(part.unsure));
    let indexed: BTreeSet<Seq> = indexed.collect();
    expect("the filter index", indexed.intersection(&scrolled.sound).count() as u64, sound);

    let mut got = BTreeSet::new();
    for ids in scrolled.ids.chunks(PAGE_ROWS) {
        let rows = store.by_ids(ids, false).await?;
        got.extend(rows.documents.into_iter().map(|document| document.seq));
    }
    expect("getting", got.intersection(&scrolled.sound).count() as u64, sound);

    for (number, projection) in projections.fields() {
        let there: BTreeSet<Seq> = store.placed(Placed::In(number)).await?.into_iter().collect();
        let sound: BTreeSet<Seq> = scrolled.sound.intersection(&there).copied().collect();
        let name = projection.field().map(|field| field.name.clone()).unwrap_or_default();
        let of_field = if name.is_unnamed() { String::new() } else { format!(" in {name}") };
        let searched = searched(&projection);
        let left_out = projection.unsearchable();
        let hits = searched.intersection(&sound).filter(|seq| !left_out.contains(seq)).count();
        let should = sound.difference(&left_out).count();
        if hits != should {
            found.push(format!("searching{of_field} gives {hits} documents, a scroll {should}"));
        }
        let known = |seq: &&Seq| sound.contains(seq) || scrolled.damaged.contains(seq);
        let gone = searched.iter().filter(|seq| !known(seq)).count();
        if gone > 0 {
            found.push(format!("searching{of_field} gives {gone} documents that are not there"));
        }
    }
    Ok(found)
}

async fn scrolled(store: &DocumentStore) -> Result<Scrolled> {
    let mut scrolled = Scrolled::default();
    let mut request = PageRequest {
        after: Seq(0),
        through: store.last_seq(),
        limit: PAGE_ROWS,
        matching: None,
        with_vector: false,
    };
    loop {
        let page = store.page(request).await?;
        for document in page.rows.documents {
            scrolled.sound.insert(document.seq);
            scrolled.ids.push(document.id);
        }
        scrolled.damaged_count += page.rows.damaged.len() as u64;
        scrolled.damaged.extend(page.rows.damaged.into_iter().filter_map(|row| row.seq));
        match page.next {
            Some(next) => request.after = next,
            None => return Ok(scrolled),
        }
    }
}

/// The documents that an exact search for everything finds.
fn searched(projection: &Projection) -> BTreeSet<Seq> {
    let view = projection.view(None, None);
    let request = SearchRequest::nearest(projection.slot_count().max(1)).exactly();
    let found = view.search(&vec![1.0; projection.dimension()], request);
    found.candidates.into_iter().map(|candidate| candidate.key.document).collect()
}
