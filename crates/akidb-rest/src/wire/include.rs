//! Which parts of documents a reply carries, as names.

use akidb_core::{Error, ErrorCode};
use akidb_service::{HitInclude, Include};

/// Reads the names of parts; without any list, the service's default.
///
/// # Errors
/// `invalid_argument` for another name, at `field` and its index.
pub(crate) fn include_from<'a>(
    names: Option<impl IntoIterator<Item = &'a str>>,
    field: &str,
) -> Result<Include, Error> {
    let Some(names) = names else {
        return Ok(Include::default());
    };
    let mut include = Include { text: false, metadata: false, vector: false };
    for (index, name) in names.into_iter().enumerate() {
        match name {
            "text" => include.text = true,
            "metadata" => include.metadata = true,
            "vector" => include.vector = true,
            _ => return Err(unknown(name, field, index, "text, metadata and vector")),
        }
    }
    Ok(include)
}

/// The same for hits, which may come with passages.
///
/// # Errors
/// `invalid_argument` for another name, at `field` and its index.
pub(super) fn hit_include_from<'a>(
    names: Option<impl IntoIterator<Item = &'a str>>,
    field: &str,
) -> Result<HitInclude, Error> {
    let Some(names) = names else {
        return Ok(HitInclude::default());
    };
    let nothing = Include { text: false, metadata: false, vector: false };
    let mut include = HitInclude::from(nothing);
    for (index, name) in names.into_iter().enumerate() {
        let part = match name {
            "text" => &mut include.text,
            "metadata" => &mut include.metadata,
            "vector" => &mut include.vector,
            "passages" => &mut include.passages,
            _ => return Err(unknown(name, field, index, "text, metadata, vector and passages")),
        };
        *part = Some(true);
    }
    Ok(include)
}

fn unknown(name: &str, field: &str, index: usize, allowed: &str) -> Error {
    let given: String = name.chars().take(80).collect();
    let description = format!("{given:?} is not a part, allowed are {allowed}");
    Error::at(ErrorCode::InvalidArgument, format!("{field}[{index}]"), description)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_chosen_by_name() {
        let default = include_from(None::<[&str; 0]>, "include").unwrap();
        assert_eq!(default, Include::default());
        let none = include_from(Some([]), "include").unwrap();
        assert_eq!(none, Include { text: false, metadata: false, vector: false });
        let vector = include_from(Some(["vector", "text"]), "include").unwrap();
        assert_eq!(vector, Include { text: true, metadata: false, vector: true });
        let error = include_from(Some(["text", "score"]), "include").unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidArgument);
        assert_eq!(error.violations[0].field, "include[1]");
    }

    #[test]
    fn hits_may_come_with_passages() {
        assert_eq!(hit_include_from(None::<[&str; 0]>, "include").unwrap(), HitInclude::default());
        let given = hit_include_from(Some(["passages", "metadata"]), "include").unwrap();
        let metadata = Include { text: false, metadata: true, vector: false };
        assert_eq!(given, HitInclude { passages: Some(true), ..metadata.into() });
        assert_eq!(
            hit_include_from(Some(["text", "vector", "metadata"]), "").unwrap().passages,
            None
        );
        let error = hit_include_from(Some(["passage"]), "include").unwrap_err();
        assert_eq!(
            (error.code, &*error.violations[0].field),
            (ErrorCode::InvalidArgument, "include[0]")
        );
        assert!(include_from(Some(["passages"]), "include").is_err(), "documents have none");
    }
}
