//! Which parts of documents a reply carries, as names.

use akidb_core::{Error, ErrorCode};
use akidb_service::Include;

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
            _ => {
                let given: String = name.chars().take(80).collect();
                let description =
                    format!("{given:?} is not a part, allowed are text, metadata and vector");
                let place = format!("{field}[{index}]");
                return Err(Error::at(ErrorCode::InvalidArgument, place, description));
            }
        }
    }
    Ok(include)
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
}
