//! The settings of an index: what was asked for, checked, over those that there are.

use std::ops::RangeInclusive;

use akidb_core::{Dimension, Error, ErrorCode, IndexEngine, IndexSettings, Quantization, Result};

use crate::{GivenIndex, failure::above_limit};

/// The settings that `given` makes of `before`; what is absent stays as it is.
///
/// # Errors
/// Every wrong place below `index`: an unknown name, a number out of its range, a setting that the
/// engine does not have.
pub(super) fn changed(
    before: IndexSettings,
    given: &GivenIndex,
    dimension: Dimension,
    result_window: usize,
) -> Result<IndexSettings> {
    let engine = match &given.engine {
        Some(name) => name.parse().map_err(|fault| invalid("engine", fault))?,
        None => before.engine,
    };
    if engine == IndexEngine::Exact {
        Error::collect(graph_settings_of(given)).map_or(Ok(()), Err)?;
    }
    let mut faults = Vec::new();
    let mut kept = |setting: Result<u32>| setting.map_err(|fault| faults.push(fault)).unwrap_or(1);
    let m = kept(number("m", given.m, before.m, IndexSettings::M));
    let ef_construction = kept(number(
        "ef_construction",
        given.ef_construction,
        before.ef_construction,
        IndexSettings::EF_CONSTRUCTION,
    ));
    let ef = kept(
        candidates("index.ef", given.ef, result_window, "result_window")
            .map(|ef| ef.unwrap_or(before.ef)),
    );
    let quantization = quantization_of(before, engine, given, dimension);
    faults.extend(quantization.as_ref().err().cloned());
    if faults.is_empty() && ef_construction < m {
        faults.push(fewer_than_m(given, m, ef_construction));
    }
    Error::collect(faults).map_or(Ok(()), Err)?;
    Ok(IndexSettings { engine, m, ef_construction, ef, quantization: quantization? })
}

/// How many candidates a walk is to keep, where `place` says it.
///
/// # Errors
/// When it is 0, or above the limit `result_window`.
pub(super) fn candidates(
    place: &str,
    given: Option<u64>,
    limit: usize,
    limit_name: &str,
) -> Result<Option<u32>> {
    match given {
        None => Ok(None),
        Some(0) => Err(Error::at(ErrorCode::InvalidArgument, place, "must be at least 1")),
        Some(ef) => {
            let ef = usize::try_from(ef).unwrap_or(usize::MAX);
            let known = u32::try_from(ef).ok().filter(|_| ef <= limit);
            let above = || above_limit(place, ef, limit_name, limit);
            known.map(Some).ok_or_else(above)
        }
    }
}

/// One fault for each setting of a graph that an engine without one is given.
fn graph_settings_of(given: &GivenIndex) -> Vec<Error> {
    let settings = [
        ("m", given.m.is_some()),
        ("ef_construction", given.ef_construction.is_some()),
        ("ef", given.ef.is_some()),
        ("quantization", given.quantization.is_some()),
    ];
    let settings = settings.into_iter().filter(|(_, is_given)| *is_given);
    settings.map(|(name, _)| invalid(name, "the engine exact has no graph to set it for")).collect()
}

fn number(
    name: &str,
    given: Option<u64>,
    before: u32,
    allowed: RangeInclusive<u32>,
) -> Result<u32> {
    let Some(given) = given else { return Ok(before) };
    let known = u32::try_from(given).ok().filter(|number| allowed.contains(number));
    known.ok_or_else(|| {
        let (least, most) = (allowed.start(), allowed.end());
        invalid(name, format_args!("must be {least} to {most}, is {given}"))
    })
}

fn quantization_of(
    before: IndexSettings,
    engine: IndexEngine,
    given: &GivenIndex,
    dimension: Dimension,
) -> Result<Quantization> {
    let quantization = match (&given.quantization, engine) {
        (Some(name), _) => name.parse().map_err(|fault| invalid("quantization", fault))?,
        (None, IndexEngine::HnswRs) => Quantization::None,
        // That engine had no other one, so nobody chose it.
        (None, _) if before.engine == IndexEngine::HnswRs && engine != before.engine => {
            Quantization::default()
        }
        (None, _) => before.quantization,
    };
    let least = Quantization::BINARY_DIMENSION_MIN;
    match quantization {
        Quantization::Int8 | Quantization::Binary if engine == IndexEngine::HnswRs => {
            let fault =
                format_args!("is {quantization}, the engine hnsw_rs knows full vectors: none");
            Err(invalid("quantization", fault))
        }
        Quantization::Binary if dimension.get() < least => {
            let fault = format_args!(
                "binary needs at least {least} dimensions, the collection has {dimension}"
            );
            Err(invalid("quantization", fault))
        }
        known => Ok(known),
    }
}

/// At the place that was given, of the two that contradict each other.
fn fewer_than_m(given: &GivenIndex, m: u32, ef_construction: u32) -> Error {
    match given.ef_construction {
        Some(_) => {
            let fault = format_args!("is {ef_construction}, must be at least `m`, which is {m}");
            invalid("ef_construction", fault)
        }
        None => {
            let fault = format_args!(
                "is {m}, must be at most `ef_construction`, which is {ef_construction}"
            );
            invalid("m", fault)
        }
    }
}

fn invalid(name: &str, fault: impl std::fmt::Display) -> Error {
    Error::at(ErrorCode::InvalidArgument, format!("index.{name}"), fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULT: &str = "hnsw 16 200 100 int8";

    fn given(settings: &[(&str, &str)]) -> GivenIndex {
        let mut given = GivenIndex::default();
        for &(name, value) in settings {
            match name {
                "engine" => given.engine = Some(value.to_owned()),
                "quantization" => given.quantization = Some(value.to_owned()),
                "m" => given.m = Some(value.parse().unwrap()),
                "ef_construction" => given.ef_construction = Some(value.parse().unwrap()),
                "ef" => given.ef = Some(value.parse().unwrap()),
                other => panic!("{other} is no setting"),
            }
        }
        given
    }

    /// Applies changes one after the other, the first to a new collection of 1,024 dimensions.
    fn check(changes: &[&[(&str, &str)]], expected: &str) {
        let dimension = Dimension::new(1_024).unwrap();
        let mut settings = Ok(IndexSettings::default());
        for change in changes {
            settings = settings.and_then(|before| changed(before, &given(change), dimension, 500));
        }
        let said = match settings {
            Ok(IndexSettings { engine, m, ef_construction, ef, quantization }) => {
                format!("{engine} {m} {ef_construction} {ef} {quantization}")
            }
            Err(error) => error.message,
        };
        assert_eq!(said, expected, "{changes:?}");
    }

    #[test]
    fn what_is_absent_stays() {
        check(&[&[]], DEFAULT);
        check(&[&[("m", "4"), ("ef", "500")], &[("ef_construction", "8")]], "hnsw 4 8 500 int8");
        check(
            &[&[("m", "64"), ("ef_construction", "2000")], &[("ef", "1")]],
            "hnsw 64 2000 1 int8",
        );
        check(&[&[("quantization", "binary")], &[("engine", "exact")]], "exact 16 200 100 binary");
        check(&[&[("engine", "exact")], &[("engine", "hnsw"), ("m", "8")]], "hnsw 8 200 100 int8");
    }

    #[test]
    fn hnsw_rs_is_not_quantized() {
        check(&[&[("engine", "hnsw_rs")]], "hnsw_rs 16 200 100 none");
        check(&[&[("engine", "hnsw_rs")], &[("m", "8")]], "hnsw_rs 8 200 100 none");
        check(&[&[("engine", "hnsw_rs"), ("quantization", "none")]], "hnsw_rs 16 200 100 none");
        check(&[&[("engine", "hnsw_rs")], &[("engine", "hnsw")]], DEFAULT);
        check(&[&[("quantization", "none")], &[("engine", "hnsw")]], "hnsw 16 200 100 none");
        let refused = "index.quantization: is int8, the engine hnsw_rs knows full vectors: none";
        check(&[&[("engine", "hnsw_rs")], &[("quantization", "int8")]], refused);
    }

    #[test]
    fn what_is_wrong_is_refused_at_its_place() {
        let engines =
            "index.engine: unknown index engine \"ivf\", allowed are hnsw, exact and hnsw_rs";
        check(&[&[("engine", "ivf")]], engines);
        check(&[&[("m", "3")]], "index.m: must be 4 to 64, is 3");
        check(&[&[("m", "4294967312")]], "index.m: must be 4 to 64, is 4294967312");
        check(&[&[("m", "65"), ("ef", "0")]], "index.m: must be 4 to 64, is 65 (and 1 more)");
        check(&[&[("ef_construction", "7")]], "index.ef_construction: must be 8 to 2000, is 7");
        check(&[&[("ef", "501")]], "index.ef: is 501, allowed are at most 500 (result_window)");
        let below = "index.ef_construction: is 8, must be at least `m`, which is 16";
        check(&[&[("ef_construction", "8")]], below);
        let above = "index.m: is 12, must be at most `ef_construction`, which is 8";
        check(&[&[("m", "8"), ("ef_construction", "8")], &[("m", "12")]], above);
        let without = "index.m: the engine exact has no graph to set it for";
        check(&[&[("engine", "exact"), ("m", "8")]], without);
        check(&[&[("engine", "exact")], &[("m", "8")]], without);
        check(
            &[&[("engine", "exact"), ("m", "8"), ("ef", "9")]],
            &format!("{without} (and 1 more)"),
        );
    }

    #[test]
    fn binary_codes_need_many_dimensions() {
        let asked = given(&[("quantization", "binary")]);
        let of = |dimension| {
            let dimension = Dimension::new(dimension).unwrap();
            changed(IndexSettings::default(), &asked, dimension, 500).map_err(|error| error.message)
        };
        assert_eq!(of(1_024).unwrap().quantization, Quantization::Binary);
        let fault =
            "index.quantization: binary needs at least 1024 dimensions, the collection has 1023";
        assert_eq!(of(1_023).unwrap_err(), fault);
    }
}
