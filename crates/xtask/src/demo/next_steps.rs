//! What to try with the node that `--keep` leaves running.

use std::{env, path::Path};

use super::COLLECTION;
use crate::node::Addresses;

/// Prints commands that work as they stand.
pub(super) fn print(addresses: Addresses, akidb: &Path, process_id: u32) {
    let url = format!("http://{}", addresses.rest);
    let documents = format!("{url}/v1/collections/{COLLECTION}");
    let akidb = from_here(akidb);
    println!(
        r#"
The node keeps running as process {process_id}. Try

  curl -s {documents}/search --json \
    '{{"text": "music made without touching anything", "limit": 2}}' | python3 -m json.tool

  curl -s {documents}/documents --json \
    '{{"documents": [{{"id": "mine", "text": "A text of your own.", "metadata": {{"year": 2024}}}}]}}' | python3 -m json.tool

  export AKIDB_URL={url}
  {akidb} search {COLLECTION} 'food that keeps for years' --limit 3 --include text
  {akidb} search {COLLECTION} 'seafarers' --filter '{{"year": {{"$lt": 1500}}}}' --limit 3
  {akidb} collection show {COLLECTION}
  {akidb} embed 'a ship meets an iceberg'

and stop it with

  kill {process_id}"#
    );
}

/// The path as it is typed in the folder where this runs.
fn from_here(path: &Path) -> String {
    let here = env::current_dir().unwrap_or_default();
    path.strip_prefix(here).unwrap_or(path).display().to_string()
}
