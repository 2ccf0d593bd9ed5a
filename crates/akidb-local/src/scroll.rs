//! Pages of documents, in the order of their creation.

use akidb_core::{Filter, Result, Seq};
use akidb_engine::{ScrollPage, ScrollPosition, ScrollRequest};
use akidb_store::{Matching, PageRequest};

use crate::{
    collections::OpenCollection,
    facets::with_fields,
    matching::{MatchingVersions, versions},
    ordered_scroll::ordered,
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
    let page = match request.order {
        Some(order) => ordered(open, &request, order).await?,
        None => by_creation(open, &request).await?,
    };
    let everything = Filter::And(Vec::new());
    let asked =
        with_fields(request.filter.unwrap_or(&everything), request.order.map(|order| &order.field));
    Ok(ScrollPage { unknown_fields: open.projections.unknown_fields(Some(&asked)), ..page })
}

async fn by_creation(open: &OpenCollection, request: &ScrollRequest<'_>) -> Result<ScrollPage> {
    let &ScrollRequest { limit, filter, with_vector, .. } = request;
    let begin = (Seq(0), open.store.last_seq());
    let (after, through) = request.position.as_ref().map_or(begin, |it| (it.after, it.through));
    let filter = filter.filter(|filter| !filter.is_always_true());
    let alive = open.asked(filter);
    let found = match alive.as_deref() {
        Some(filter) => Some(read_for(open, filter).await?),
        None => None,
    };
    let matching = alive.as_deref().zip(found.as_ref()).map(|(filter, (versions, as_of))| {
        Matching { filter, value: None, versions, as_of: *as_of }
    });
    let request = PageRequest { after, through, limit, matching, with_vector };
    let page = open.store.page(request).await?;
    let next = page.next.map(|after| ScrollPosition { value: None, after, through });
    Ok(ScrollPage { rows: page.rows, next, unknown_fields: Vec::new() })
}

/// The versions that match or can not be read, and the commit that they are of.
async fn read_for(open: &OpenCollection, filter: &Filter) -> Result<(Vec<Seq>, Seq)> {
    let MatchingVersions { versions: mut found, damaged, as_of } = versions(open, filter).await?;
    found.extend(damaged);
    found.sort_unstable();
    Ok((found, as_of))
}
