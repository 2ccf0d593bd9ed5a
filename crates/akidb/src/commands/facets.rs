//! `akidb facets`: how many documents have which values.

use akidb_client::Request;
use akidb_core::read_json;
use clap::Args;
use comfy_table::Table;
use serde_json::{Map, Value, json};

use super::{
    nearest,
    search::object,
    show::{cell, warn_of_unknown_fields},
};
use crate::{
    connection::{NodeArgs, Opening, with_node},
    failure::Result,
    printer::{self, Printer},
    settings::ConfigurationArgs,
    waiting::waiting,
};

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  $ akidb facets films genre director --limit 5
  $ akidb facets films year --borders 1950,1980,2000 --filter '{\"genre\":\"drama\"}'
  $ akidb facets films released --borders 2024-01-01,2024-07-01
  $ akidb facets films released --interval year

Of a list each element counts; a document counts once for each value.")]
pub(crate) struct FacetsArgs {
    /// The collection
    collection: String,
    /// Fields of the metadata, a key or a path of keys with dots
    #[arg(required = true, value_name = "FIELD")]
    fields: Vec<String>,
    /// Documents whose metadata match; all if not given
    #[arg(long, value_name = "JSON", value_parser = object)]
    filter: Option<Value>,
    /// Values listed of each field, the most frequent ones; with --interval the latest ones
    #[arg(long, value_name = "NUMBER", conflicts_with = "borders")]
    limit: Option<u64>,
    /// Count ranges of numbers or dates: below the first border, from each to the next, from the last on
    #[arg(
        long,
        value_name = "BORDERS",
        value_delimiter = ',',
        allow_hyphen_values = true,
        conflicts_with = "interval"
    )]
    borders: Option<Vec<String>>,
    /// Count dates of one year, month, day or hour together
    #[arg(long, value_name = "UNIT")]
    interval: Option<String>,
    #[command(flatten)]
    node: NodeArgs,
}

pub(crate) async fn run(
    args: FacetsArgs,
    configuration: &ConfigurationArgs,
    printer: Printer,
) -> Result {
    let request = Request::post(&["v1", "collections", &args.collection, "documents", "facets"])
        .repeatable()
        .json(&body(&args));
    let reply: Value = with_node(&args.node, configuration, Opening::EXISTING, async |client| {
        let answer = waiting("counting", client.send(request)).await;
        nearest::explain(client, &args.collection, answer).await
    })
    .await?;
    printer.answer(&reply, || table(&reply))?;
    for facet in reply["facets"].as_array().into_iter().flatten() {
        if facet["truncated"] == true {
            let [field, distinct, other] =
                ["field", "distinct", "other"].map(|it| cell(&facet[it]));
            printer.note(format_args!(
                "{field} has {distinct} values; those not listed are counted {other} times"
            ));
        }
    }
    warn_of_unknown_fields(&reply, printer);
    Ok(())
}

fn body(args: &FacetsArgs) -> Value {
    let facet = |field: &String| {
        let members = [
            ("field", Some(json!(field))),
            ("limit", args.limit.map(Value::from)),
            (
                "borders",
                args.borders.as_deref().map(|all| all.iter().map(|it| border(it)).collect()),
            ),
            ("interval", args.interval.as_deref().map(Value::from)),
        ];
        object_of(members)
    };
    let facets: Vec<Value> = args.fields.iter().map(facet).collect();
    object_of([("facets", Some(facets.into())), ("filter", args.filter.clone())])
}

/// A number, or else a text, which the node takes as a date.
fn border(given: &str) -> Value {
    match read_json(given.trim()) {
        Ok(number @ Value::Number(_)) => number,
        _ => Value::String(given.trim().to_owned()),
    }
}

/// An object without the members that are absent.
fn object_of<const N: usize>(members: [(&str, Option<Value>); N]) -> Value {
    let members = members.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Value::Object(members.collect::<Map<_, _>>())
}

fn table(reply: &Value) -> Table {
    let mut table = printer::table(["field", "value", "count"]);
    for facet in reply["facets"].as_array().into_iter().flatten() {
        let field = cell(&facet["field"]);
        let rows = |key: &str| facet[key].as_array().cloned().unwrap_or_default();
        for row in rows("values") {
            table.add_row([field.clone(), cell(&row["value"]), cell(&row["count"])]);
        }
        for row in rows("ranges") {
            let end = |key: &str| row.get(key).map(cell).unwrap_or_default();
            let range = format!("{} to {}", end("from"), end("to"));
            table.add_row([field.clone(), range.trim().to_owned(), cell(&row["count"])]);
        }
        if facet["missing"].as_u64().is_some_and(|count| count > 0) {
            table.add_row([field, "(none)".to_owned(), cell(&facet["missing"])]);
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn borders_are_numbers_where_they_can_be() {
        assert_eq!(border(" -1.5"), json!(-1.5));
        assert_eq!(border("2024-01-01"), json!("2024-01-01"));
        assert_eq!(border("true"), json!("true"));
    }

    #[test]
    fn ranges_without_an_end_and_documents_without_a_value_are_rows() {
        let reply = json!({"facets": [
            {"field": "a", "values": [{"value": "x", "count": 2}], "missing": 1},
            {"field": "b", "ranges": [{"to": 5, "count": 1}, {"from": 5, "count": 0}], "missing": 0},
        ]});
        let shown = table(&reply).to_string();
        for part in ["x", "(none)", "to 5", "5 to"] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
    }
}
