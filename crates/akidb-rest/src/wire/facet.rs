//! How many documents have which values.

use akidb_core::{DateInterval, Error};
use akidb_service::{
    CountFacets, FacetBuckets, FacetReply, FacetsReply, GivenFacet, RangeCount, ValueCount,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{JsonValue, List, Object, document::filter_of, user_schema::FilterSchema};

/// Asks how many documents have which values.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FacetsRequest, example = json!({
    "filter": {"lang": "en"}, "facets": [{"field": "genre"}, {"field": "year", "borders": [1950, 2000]}]
}))]
pub(crate) struct FacetsBody {
    /// A filter on the metadata; all documents where absent.
    #[schema(value_type = Option<FilterSchema>)]
    filter: Option<JsonValue>,
    /// What is counted, each for itself: at least one, at most `batch_facets` (20).
    #[schema(value_type = Vec<FacetBody>, min_items = 1, max_items = 20)]
    facets: List<Object<FacetBody>>,
}

/// Asks how many documents have which values of a field: each for itself, or what `borders` or `interval`
/// put together. Of a list each element counts; a document counts once for each value.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FacetRequest, example = json!({"field": "genre", "limit": 20}))]
struct FacetBody {
    /// A key of the metadata, or a path of keys with dots.
    #[schema(min_length = 1, max_length = 256, pattern = "^[^$]")]
    field: String,
    /// How many are listed, at most `result_window` (10,000): the most frequent values, 10 where absent;
    /// the latest intervals, 100 where absent. Between borders all ranges are.
    #[schema(minimum = 1, maximum = 10_000)]
    limit: Option<u64>,
    /// Ranges: below the first border, from each to the next, from the last on. All are numbers, or all
    /// are dates as strings, and they ascend.
    #[schema(schema_with = super::schema::borders)]
    borders: Option<List<JsonValue>>,
    /// Dates of one `year`, `month`, `day` or `hour` in UTC count together.
    #[schema(schema_with = super::schema::interval)]
    interval: Option<String>,
}

impl FacetsBody {
    /// The service's request.
    ///
    /// # Errors
    /// `invalid_argument` for an unknown interval, `malformed_request` for a filter or a border that is no
    /// sound JSON.
    pub(crate) fn into_request(self) -> Result<CountFacets, Error> {
        let facets = self.facets.0.into_iter().enumerate();
        let facets = facets.map(|(at, facet)| {
            facet.0.into_facet().map_err(|error| error.below(&format!("facets[{at}]")))
        });
        Ok(CountFacets {
            facets: facets.collect::<Result<_, _>>()?,
            filter: filter_of(self.filter)?,
        })
    }
}

impl FacetBody {
    fn into_facet(self) -> Result<GivenFacet, Error> {
        let borders = self.borders.map(|borders| {
            let borders = borders.0.into_iter().enumerate();
            borders.map(|(at, border)| border.at(&format!("borders[{at}]"))).collect()
        });
        Ok(GivenFacet {
            field: self.field,
            limit: self.limit,
            borders: borders.transpose()?,
            interval: self.interval.as_deref().map(str::parse::<DateInterval>).transpose()?,
        })
    }
}

/// How many documents have which values, as of one moment.
#[derive(Serialize, ToSchema)]
#[schema(as = FacetsReply, example = json!({
    "count": 42,
    "facets": [{
        "field": "genre", "values": [{"value": "drama", "count": 30}, {"value": "comedy", "count": 14}],
        "distinct": 2, "other": 0, "truncated": false, "missing": 3
    }]
}))]
pub(crate) struct FacetsAnswer {
    /// How many documents match the filter, or there are.
    count: u64,
    /// One a facet, in the order of the request.
    facets: Vec<FacetAnswer>,
    /// Fields of the filter and of the facets that no document has; absent where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    unknown_fields: Vec<String>,
}

/// What one facet counted: `values`, or with borders or an interval `ranges`.
#[derive(Serialize, ToSchema)]
#[schema(as = Facet)]
struct FacetAnswer {
    field: String,
    /// From the most frequent one on, and of equally frequent ones booleans, numbers and texts in their
    /// order.
    #[serde(skip_serializing_if = "Option::is_none")]
    values: Option<Vec<ValueCountAnswer>>,
    /// In their order. Ranges between borders are there without a document too, intervals are not.
    #[serde(skip_serializing_if = "Option::is_none")]
    ranges: Option<Vec<RangeCountAnswer>>,
    /// How many values, ranges or intervals there are, those included that are not listed.
    distinct: u64,
    /// The counts of those that are not listed, added up.
    other: u64,
    /// Whether there are some that are not listed.
    truncated: bool,
    /// Documents in which there was nothing to count: no such field, `null`, an object, a text of more
    /// than 512 bytes, and with borders or an interval what is of another kind.
    missing: u64,
}

/// How many documents have a value.
#[derive(Serialize, ToSchema)]
#[schema(as = ValueCount)]
struct ValueCountAnswer {
    /// A text, a number or a boolean. Equal numbers are one value.
    #[schema(schema_with = super::schema::counted_value)]
    value: Value,
    count: u64,
}

/// How many documents have a number or a date within a range.
#[derive(Serialize, ToSchema)]
#[schema(as = RangeCount)]
struct RangeCountAnswer {
    /// From this one on; absent where there is no lower end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = super::schema::range_end, required = false)]
    from: Option<Value>,
    /// Below this one; absent where there is no upper end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = super::schema::range_end, required = false)]
    to: Option<Value>,
    count: u64,
}

impl From<FacetsReply> for FacetsAnswer {
    fn from(FacetsReply { count, facets, unknown_fields }: FacetsReply) -> Self {
        let facets = facets.into_iter().map(FacetAnswer::from).collect();
        Self { count, facets, unknown_fields }
    }
}

impl From<FacetReply> for FacetAnswer {
    fn from(FacetReply { field, counts }: FacetReply) -> Self {
        let truncated = counts.is_truncated();
        let (values, ranges) = match counts.buckets {
            FacetBuckets::Values(values) => (Some(values), None),
            FacetBuckets::Ranges(ranges) => (None, Some(ranges)),
        };
        let value = |ValueCount { value, count }: ValueCount| ValueCountAnswer { value, count };
        let range =
            |RangeCount { from, to, count }: RangeCount| RangeCountAnswer { from, to, count };
        Self {
            field,
            values: values.map(|values| values.into_iter().map(value).collect()),
            ranges: ranges.map(|ranges| ranges.into_iter().map(range).collect()),
            distinct: counts.distinct,
            other: counts.other,
            truncated,
            missing: counts.missing,
        }
    }
}
