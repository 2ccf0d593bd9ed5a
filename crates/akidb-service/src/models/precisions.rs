//! Further precisions of one model, for collections that were embedded in another one than the
//! configuration says.
//!
//! Vectors of two precisions are never mixed. So a node whose precision was changed, or whose default
//! was, loads each precision that a collection names beside its own, under the name `MODEL:PRECISION`.

use akidb_embedding::{ModelIdentity, Precision};

use crate::{Backend, EmbeddingConfig};

/// The name under which a model in a precision of its own is listed.
pub(super) fn name_of(model: &str, precision: Precision) -> String {
    format!("{model}:{precision}")
}

/// The model that a name is of, and its precision where the name says one.
pub(super) fn parts_of(name: &str) -> (&str, Option<Precision>) {
    let parts = name.rsplit_once(':').and_then(|(model, precision)| {
        let precision = Precision::ALL.into_iter().find(|it| it.as_str() == precision)?;
        Some((model, Some(precision)))
    });
    parts.unwrap_or((name, None))
}

/// Those of the identities that are `loaded` in other precisions, which this node can load.
pub(super) fn beside(
    loaded: &ModelIdentity,
    identities: &[ModelIdentity],
    config: &EmbeddingConfig,
) -> Vec<Precision> {
    let is_wanted = |precision: Precision| {
        let wanted = ModelIdentity { precision, ..loaded.clone() };
        precision != loaded.precision && identities.contains(&wanted)
    };
    let is_possible = |precision| config.backend != Backend::Mlx || precision != Precision::Int8;
    let mut precisions = Precision::ALL.to_vec();
    precisions.retain(|&precision| is_wanted(precision) && is_possible(precision));
    precisions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_apart_as_it_was_put_together() {
        for precision in Precision::ALL {
            assert_eq!(parts_of(&name_of("model", precision)), ("model", Some(precision)));
        }
        for name in ["model", "model:f16", "org:model"] {
            assert_eq!(parts_of(name), (name, None));
        }
    }
}
