//! Which documents a request means: ids checked, filters parsed.

use akidb_core::{DocumentId, Error, ErrorCode, Filter, Limits, Result};
use serde_json::Value;

use crate::{GivenId, failure::above_limit};

/// Which documents a request means, checked.
pub(super) enum Selected {
    Ids(Vec<DocumentId>),
    Matching(Filter),
}

impl Selected {
    /// Documents to read.
    pub(super) fn to_read(
        ids: Option<Vec<GivenId>>,
        filter: Option<Value>,
        limits: &Limits,
    ) -> Result<Self> {
        match (ids, filter) {
            (Some(ids), None) => check_ids(ids, limits).map(Self::Ids),
            (None, Some(filter)) => parse_filter(&filter, limits).map(Self::Matching),
            _ => Err(Error::new(
                ErrorCode::InvalidArgument,
                "exactly one of ids and filter must be given",
            )),
        }
    }

    /// Documents to change. A filter that is empty, by a mistake perhaps, does not mean all of them:
    /// that is said by `all`.
    pub(super) fn to_change(
        ids: Option<Vec<GivenId>>,
        filter: Option<Value>,
        all: bool,
        limits: &Limits,
    ) -> Result<Self> {
        let filter = filter.map(|filter| parse_filter(&filter, limits)).transpose()?;
        match (ids, filter, all) {
            (Some(ids), None, false) => check_ids(ids, limits).map(Self::Ids),
            (None, Some(filter), false) if !filter.is_always_true() => Ok(Self::Matching(filter)),
            (None, Some(_), false) => Err(Error::at(
                ErrorCode::InvalidArgument,
                "filter",
                "is empty and lets every document through; say \"all\": true where that is meant",
            )),
            (None, None, true) => Ok(Self::Matching(Filter::And(Vec::new()))),
            (None, Some(filter), true) if filter.is_always_true() => Ok(Self::Matching(filter)),
            (None, Some(_), true) => Err(Error::at(
                ErrorCode::InvalidArgument,
                "all",
                "contradicts the filter, which does not let every document through",
            )),
            _ => Err(Error::new(
                ErrorCode::InvalidArgument,
                "exactly one of ids, filter and all must be given",
            )),
        }
    }
}

pub(super) fn check_ids(ids: Vec<GivenId>, limits: &Limits) -> Result<Vec<DocumentId>> {
    if ids.len() > limits.batch_ids {
        return Err(above_limit("ids", ids.len(), "batch_ids", limits.batch_ids));
    }
    let checked = ids.into_iter().enumerate();
    let checked: Vec<_> = checked.map(|(i, id)| check_id(id, || format!("ids[{i}]"))).collect();
    let faults = checked.iter().filter_map(|id| id.clone().err()).collect();
    match Error::collect(faults) {
        Some(error) => Err(error),
        None => checked.into_iter().collect(),
    }
}

pub(super) fn check_id(id: GivenId, place: impl FnOnce() -> String) -> Result<DocumentId> {
    match id {
        GivenId::Integer(id) => Ok(DocumentId::Integer(id)),
        GivenId::Text(id) => DocumentId::from_text(id)
            .map_err(|fault| Error::at(ErrorCode::InvalidId, place(), fault)),
        GivenId::Either(_) => {
            let fault = "must be a string or an integer here, either is of one document only";
            Err(Error::at(ErrorCode::InvalidId, place(), fault))
        }
    }
}

/// The ids that one document may have, the first that is there counts.
pub(super) fn check_one_id(id: GivenId) -> Result<Vec<DocumentId>> {
    let place = || "id".to_owned();
    let GivenId::Either(id) = id else { return Ok(vec![check_id(id, place)?]) };
    let integer = id.parse::<i64>().ok().filter(|integer| integer.to_string() == id);
    let text = check_id(GivenId::Text(id), place)?;
    Ok(std::iter::once(text).chain(integer.map(DocumentId::Integer)).collect())
}

pub(super) fn parse_filter(json: &Value, limits: &Limits) -> Result<Filter> {
    Filter::parse(json, limits).map_err(|fault| {
        Error::at(ErrorCode::InvalidFilter, fault.field.clone(), &fault.description)
    })
}
