//! Which documents a request means: ids checked, filters parsed.

use akidb_core::{DocumentId, Error, ErrorCode, Filter, Limits, Result};
use serde_json::Value;

use crate::{GivenId, Selection, failure::above_limit};

/// A checked [`Selection`].
pub(super) enum Selected {
    Ids(Vec<DocumentId>),
    Matching(Filter),
}

impl Selected {
    pub(super) fn check(selection: Selection, limits: &Limits) -> Result<Self> {
        match (selection.ids, selection.filter) {
            (Some(ids), None) => check_ids(ids, limits).map(Self::Ids),
            (None, Some(filter)) => parse_filter(&filter, limits).map(Self::Matching),
            _ => Err(Error::new(
                ErrorCode::InvalidArgument,
                "exactly one of ids and filter must be given",
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
    }
}

pub(super) fn parse_filter(json: &Value, limits: &Limits) -> Result<Filter> {
    Filter::parse(json, limits).map_err(|fault| {
        Error::at(ErrorCode::InvalidFilter, fault.field.clone(), &fault.description)
    })
}
