//! How many documents have which values.

use akidb_core::{Borders, Error, ErrorCode, Facet, FacetBy, FieldPath, Limits, Result};
use akidb_engine::{FacetQuery, Facets};

use super::{read::check_limit, selection::parse_filter};
use crate::{
    CountFacets, FacetReply, FacetsReply, GivenFacet, Operation, RequestContext, Service,
    failure::above_limit,
};

/// Values that a facet lists which names no limit.
pub const FACET_LIMIT_DEFAULT: u64 = 10;

/// Years, months, days or hours that a facet lists which names no limit.
pub const FACET_INTERVALS_DEFAULT: u64 = 100;

impl Service {
    /// How many documents have which values, as of one moment.
    ///
    /// # Errors
    /// When the filter or a facet is not valid, or counting takes longer than the request may.
    pub async fn count_facets(
        &self,
        context: &RequestContext,
        collection: &str,
        request: CountFacets,
    ) -> Result<FacetsReply> {
        self.run(context, Operation::Facets.on(collection), async {
            let limits = self.limits();
            let CountFacets { filter, facets } = request;
            let fields: Vec<String> = facets.iter().map(|facet| facet.field.clone()).collect();
            let facets = check(facets, limits)?;
            let filter = filter.map(|filter| parse_filter(&filter, limits)).transpose()?;
            let collection = self.open_for(context, collection)?;
            let query = FacetQuery { filter, facets, deadline: context.deadline };
            let Facets { count, facets, unknown_fields } =
                context.in_store(collection.facets(query)).await?;
            let facets = fields.into_iter().zip(facets);
            Ok(FacetsReply {
                count,
                facets: facets.map(|(field, counts)| FacetReply { field, counts }).collect(),
                unknown_fields,
            })
        })
        .await
    }
}

fn check(given: Vec<GivenFacet>, limits: &Limits) -> Result<Vec<Facet>> {
    if given.is_empty() {
        return Err(Error::at(ErrorCode::InvalidArgument, "facets", "must have at least one"));
    }
    if given.len() > limits.batch_facets {
        return Err(above_limit("facets", given.len(), "batch_facets", limits.batch_facets));
    }
    let checked = given.into_iter().enumerate().map(|(at, facet)| {
        check_one(facet, limits.result_window)
            .map_err(|error| error.below(&format!("facets[{at}]")))
    });
    let checked: Vec<Result<Facet>> = checked.collect();
    match Error::collect(checked.iter().filter_map(|facet| facet.clone().err()).collect()) {
        Some(error) => Err(error),
        None => checked.into_iter().collect(),
    }
}

fn check_one(given: GivenFacet, window: usize) -> Result<Facet> {
    let GivenFacet { field, limit, borders, interval } = given;
    let field = FieldPath::new(&field)
        .map_err(|fault| Error::at(ErrorCode::InvalidArgument, "field", fault))?;
    let limit_or = |default: u64| check_limit(limit.unwrap_or(default.min(window as u64)), window);
    let by = match (borders, interval) {
        (Some(_), Some(_)) => {
            let fault = "stands beside borders, a facet has one of both";
            return Err(Error::at(ErrorCode::InvalidArgument, "interval", fault));
        }
        (Some(_), None) if limit.is_some() => {
            let fault = "says nothing beside borders, between which all ranges are listed";
            return Err(Error::at(ErrorCode::InvalidArgument, "limit", fault));
        }
        (Some(borders), None) if borders.len() > window => {
            return Err(above_limit("borders", borders.len(), "result_window", window));
        }
        (Some(borders), None) => FacetBy::Ranges(Borders::new(borders).map_err(|fault| {
            let place = fault.at().map_or("borders".to_owned(), |at| format!("borders[{at}]"));
            Error::at(ErrorCode::InvalidArgument, place, fault)
        })?),
        (None, Some(interval)) => {
            FacetBy::Dates { interval, limit: limit_or(FACET_INTERVALS_DEFAULT)? }
        }
        (None, None) => FacetBy::Values { limit: limit_or(FACET_LIMIT_DEFAULT)? },
    };
    Ok(Facet { field, by })
}
