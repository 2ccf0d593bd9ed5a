//! Facets, from the messages of the wire and to them.

use akidb_core::{ErrorCode, Result};
use akidb_proto::collection::v1 as wire;
use akidb_service::{
    CountFacets, DateInterval, FacetBuckets, FacetReply, FacetsReply, GivenFacet, RangeCount,
    ValueCount,
};

use crate::{
    decode::{filter, unknown_number},
    value,
};

pub(crate) fn decode(given: wire::FacetsRequest) -> Result<CountFacets> {
    let facets = given.facets.into_iter().enumerate();
    let facets = facets
        .map(|(at, given)| facet(given).map_err(|error| error.below(&format!("facets[{at}]"))));
    Ok(CountFacets {
        facets: facets.collect::<Result<_>>()?,
        filter: filter("filter", given.filter)?,
    })
}

fn facet(given: wire::Facet) -> Result<GivenFacet> {
    let interval = match wire::DateInterval::try_from(given.interval) {
        Ok(wire::DateInterval::Unspecified) => None,
        Ok(wire::DateInterval::Year) => Some(DateInterval::Year),
        Ok(wire::DateInterval::Month) => Some(DateInterval::Month),
        Ok(wire::DateInterval::Day) => Some(DateInterval::Day),
        Ok(wire::DateInterval::Hour) => Some(DateInterval::Hour),
        Err(_) => return Err(unknown_number("interval")),
    };
    let borders =
        given.borders.map(|given| value::list(ErrorCode::InvalidArgument, "borders", given));
    Ok(GivenFacet {
        field: given.field,
        limit: given.limit,
        borders: borders.transpose()?,
        interval,
    })
}

pub(crate) fn encode(given: FacetsReply) -> wire::FacetsResponse {
    wire::FacetsResponse {
        count: given.count,
        facets: given.facets.into_iter().map(result).collect(),
        unknown_fields: given.unknown_fields,
    }
}

fn result(FacetReply { field, counts }: FacetReply) -> wire::FacetResult {
    use wire::facet_result::Listed;
    let truncated = counts.is_truncated();
    let listed = match counts.buckets {
        FacetBuckets::Values(values) => {
            let values = values.into_iter().map(|ValueCount { value, count }| wire::ValueCount {
                value: Some(value::wire_value(value)),
                count,
            });
            Listed::Values(wire::ValueCounts { values: values.collect() })
        }
        FacetBuckets::Ranges(ranges) => {
            let ranges =
                ranges.into_iter().map(|RangeCount { from, to, count }| wire::RangeCount {
                    from: from.map(value::wire_value),
                    to: to.map(value::wire_value),
                    count,
                });
            Listed::Ranges(wire::RangeCounts { ranges: ranges.collect() })
        }
    };
    wire::FacetResult {
        field,
        listed: Some(listed),
        distinct: counts.distinct,
        other: counts.other,
        truncated,
        missing: counts.missing,
    }
}
