//! A mistyped collection: the failure names the one that was probably meant.

use akidb_client::{Client, ErrorCode, Request, RequestError};
use serde_json::Value;

use super::collection::COLLECTIONS;
use crate::failure::{Failure, Result};

/// The answer, or its failure with the collection whose name is most like `name`.
pub(super) async fn explain(
    client: &Client,
    name: &str,
    answer: Result<Value, RequestError>,
) -> Result<Value> {
    let error = match answer {
        Ok(answer) => return Ok(answer),
        Err(error) => error,
    };
    let is_unknown = error.code() == Some(ErrorCode::CollectionNotFound);
    let failure = Failure::from(error);
    if !is_unknown {
        return Err(failure);
    }
    // Where the list cannot be had the first failure is still the one that counts.
    let list: Value = client.send(Request::get(&COLLECTIONS)).await.unwrap_or_default();
    let names = list["collections"].as_array().into_iter().flatten();
    Err(match nearest(name, names.filter_map(|collection| collection["name"].as_str())) {
        Some(meant) => failure.hint(format!("did you mean {meant}?")),
        None => failure,
    })
}

/// The name that is most like `given`, if any is like it at all.
fn nearest<'a>(given: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let farthest = (given.len() / 3).max(1);
    let given = given.to_lowercase();
    let distance = |name: &str| strsim::damerau_levenshtein(&given, &name.to_lowercase());
    let near = names.map(|name| (distance(name), name)).min();
    near.filter(|(distance, _)| *distance <= farthest).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_name_that_is_like_it_is_proposed() {
        let names = ["films", "books", "f"];
        for (given, meant) in
            [("flims", Some("films")), ("Books", Some("books")), ("faces", None), ("x", Some("f"))]
        {
            assert_eq!(nearest(given, names.into_iter()), meant, "{given}");
        }
    }
}
