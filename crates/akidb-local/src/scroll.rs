//! Pages of documents, in the order of their creation.

use akidb_core::{Filter, Result, Seq};
use akidb_engine::{ScrollPage, ScrollPosition, ScrollRequest};
use akidb_store::{Matching, PageRequest};

use crate::{
    collections::OpenCollection,
    matching::{MatchingVersions, versions},
};

/// The page that is asked for. Damaged documents are named in it, also those of which nobody knows
/// whether they match.
///
/// # Errors
/// When a read fails.
pub(crate) async fn scroll(
    open: &OpenCollection,
    request: ScrollRequest<'_>,
) -> Result<ScrollPage> {
    let ScrollRequest { position, limit, filter, with_vector } = request;
    let begin = || ScrollPosition { after: Seq(0), through: open.store.last_seq() };
    let ScrollPosition { after, through } = position.unwrap_or_else(begin);
    let filter = filter.filter(|filter| !filter.is_always_true());
    let alive = open.expiries.alive(filter);
    let found = match alive.as_deref() {
        Some(filter) => Some(read_for(open, filter).await?),
        None => None,
    };
    let matching = alive
        .as_deref()
        .zip(found.as_ref())
        .map(|(filter, (versions, as_of))| Matching { filter, versions, as_of: *as_of });
    let request = PageRequest { after, through, limit, matching, with_vector };
    let page = open.store.page(request).await?;
    Ok(ScrollPage {
        rows: page.rows,
        next: page.next.map(|after| ScrollPosition { after, through }),
        unknown_fields: open.projections.unknown_fields(filter),
    })
}

/// The versions that match or can not be read, and the commit that they are of.
async fn read_for(open: &OpenCollection, filter: &Filter) -> Result<(Vec<Seq>, Seq)> {
    let MatchingVersions { versions: mut found, damaged, as_of } = versions(open, filter).await?;
    found.extend(damaged);
    found.sort_unstable();
    Ok((found, as_of))
}
