//! The order of documents and of hits, and hits in groups.

use akidb_core::{Direction, Error};
use akidb_service::{GivenGroup, GivenOrder, HitOrder};
use serde::Deserialize;
use utoipa::ToSchema;

use super::Object;

/// An order by the values of a field. Documents with the same value are in the order of their creation, those
/// without one come last.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OrderBy, example = json!({"field": "year", "direction": "desc"}))]
pub(super) struct OrderBody {
    /// A key of the metadata, or a path of keys with dots. Booleans, numbers, dates and texts come in this
    /// order; of a list the value counts that comes first.
    #[schema(min_length = 1, max_length = 256, pattern = "^[^$]")]
    field: String,
    /// `asc`, from the least value on, where absent; `desc`, from the greatest.
    #[schema(schema_with = super::schema::direction)]
    direction: Option<String>,
}

/// Reads the field `order_by` of a body.
pub(super) fn order_of(order: Option<Object<OrderBody>>) -> Result<Option<GivenOrder>, Error> {
    let Some(Object(OrderBody { field, direction })) = order else { return Ok(None) };
    let direction = direction.as_deref().map(str::parse::<Direction>).transpose();
    let direction = direction.map_err(|error| error.below("order_by"))?;
    Ok(Some(GivenOrder { field, direction }))
}

/// The best hits in the order of a field. Those with the same value are in the order of their scores, those
/// without one come last.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = HitOrder, example = json!({"field": "year", "direction": "desc", "candidates": 200}))]
pub(super) struct HitOrderBody {
    /// A key of the metadata, or a path of keys with dots. Booleans, numbers, dates and texts come in this
    /// order; of a list the value counts that comes first.
    #[schema(min_length = 1, max_length = 256, pattern = "^[^$]")]
    field: String,
    /// `asc`, from the least value on, where absent; `desc`, from the greatest.
    #[schema(schema_with = super::schema::direction)]
    direction: Option<String>,
    /// How many of the best hits by score there are to be ordered, 100 where absent. All pages are of
    /// these.
    #[schema(minimum = 1, maximum = 10_000)]
    candidates: Option<u64>,
}

impl HitOrderBody {
    pub(super) fn into_order(self) -> Result<HitOrder, Error> {
        let Self { field, direction, candidates } = self;
        let order = order_of(Some(Object(OrderBody { field, direction })))?.unwrap_or_default();
        Ok(HitOrder { order, candidates })
    }
}

/// Hits in groups of one value of a field, by their best hits; `limit` and `offset` are ones of groups. In a
/// hybrid search groups are made of the candidates of `hybrid.depth`, else of all documents.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = GroupBy, example = json!({"field": "author", "size": 2}))]
pub(super) struct GroupBody {
    /// A key of the metadata, or a path of keys with dots. Of a list the least value counts. Documents
    /// without a text, a number or a boolean there are one group.
    #[schema(min_length = 1, max_length = 256, pattern = "^[^$]")]
    field: String,
    /// Hits of each group, 3 where absent. With `limit` and `offset` at most `result_window` (10,000) hits.
    #[schema(minimum = 1, maximum = 10_000)]
    size: Option<u64>,
}

impl From<GroupBody> for GivenGroup {
    fn from(GroupBody { field, size }: GroupBody) -> Self {
        Self { field, size }
    }
}
