//! What is shown of vectors.

use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width, presets};
use serde_json::{Value, json};

use super::lines::{Batch, Origin};
use crate::{
    commands::show,
    failure::Result,
    printer::{self, OutputFormat, Printer, Reader},
};

/// Values shown of each vector in a table.
const VALUES_SHOWN: usize = 4;
const HEADER: [&str; 3] = ["text", "dimension", "values"];
/// The characters of the columns of a table that goes on.
const WIDTHS: [u16; 3] = [52, 11, 34];
/// The longest text in a row of such a table, so that it is a line.
const TEXT_CHARS_SHOWN: usize = 49;

/// The vectors of a few texts.
pub(super) fn table(texts: &[String], embeddings: &Value) -> Table {
    let mut table = printer::table(HEADER);
    for (text, embedding) in texts.iter().zip(embeddings.as_array().into_iter().flatten()) {
        let text = show::cell(&Value::String(text.clone()));
        let [dimension, values] = described(&embedding["values"]);
        table.add_row([text, dimension, values]);
    }
    table
}

fn described(values: &Value) -> [String; 2] {
    let values = values.as_array().map(Vec::as_slice).unwrap_or_default();
    let shown = values.iter().take(VALUES_SHOWN);
    let shown = shown.map(|value| format!("{:.4}", value.as_f64().unwrap_or_default()));
    let more = if values.len() > VALUES_SHOWN { " …" } else { "" };
    [values.len().to_string(), shown.collect::<Vec<_>>().join(" ") + more]
}

/// Writes the vectors of batch after batch.
pub(super) struct VectorWriter {
    printer: Printer,
    is_begun: bool,
    /// What is worth a warning.
    pub(super) told: Told,
}

/// What became of texts besides their vectors.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Told {
    /// Texts that were cut.
    pub(super) truncated: u64,
    /// Tokens that the model read.
    pub(super) tokens: u64,
    /// Those of them that it does not know.
    pub(super) unknown_tokens: u64,
}

impl VectorWriter {
    pub(super) fn new(printer: Printer) -> Self {
        Self { printer, is_begun: false, told: Told::default() }
    }

    /// Writes the reply to a batch: a line of JSON, or a row, for each text.
    pub(super) fn write(&mut self, batch: &Batch, reply: &Value) -> Result<Reader> {
        if batch.texts.is_empty() {
            return Ok(Reader::There);
        }
        let truncated: Vec<u64> =
            reply["truncated"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
        let used = |what: &str| reply["usage"][what].as_u64().unwrap_or_default();
        self.told.truncated += truncated.len() as u64;
        self.told.tokens += used("total_tokens");
        self.told.unknown_tokens += used("unknown_tokens");
        let text = match self.printer.output() {
            OutputFormat::Json => json_lines(&batch.origins, reply, &truncated),
            OutputFormat::Table => self.rows(batch, reply).to_string(),
        };
        self.is_begun = true;
        self.printer.part(text)
    }

    fn rows(&self, batch: &Batch, reply: &Value) -> Table {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_content_arrangement(ContentArrangement::Disabled);
        if !self.is_begun {
            table.set_header(HEADER);
        }
        let embeddings = reply["embeddings"].as_array().into_iter().flatten();
        for (text, embedding) in batch.texts.iter().zip(embeddings) {
            let [dimension, values] = described(&embedding["values"]);
            table.add_row([one_line(text), dimension, values]);
        }
        let widths = WIDTHS.map(|width| ColumnConstraint::Absolute(Width::Fixed(width)));
        table.set_constraints(widths);
        table
    }
}

fn json_lines(origins: &[Origin], reply: &Value, truncated: &[u64]) -> String {
    let embeddings = reply["embeddings"].as_array().into_iter().flatten();
    let lines = (0..).zip(origins.iter().zip(embeddings)).map(|(index, (origin, embedding))| {
        let mut line = json!({"line": origin.line});
        if let Some(id) = &origin.id {
            line["id"] = id.clone();
        }
        line["values"] = embedding["values"].clone();
        line["truncated"] = truncated.contains(&index).into();
        line.to_string()
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The beginning of a text, without what could break the line.
fn one_line(text: &str) -> String {
    let visible = |char: char| if char.is_control() { ' ' } else { char };
    let mut line: String = text.chars().take(TEXT_CHARS_SHOWN).map(visible).collect();
    if line.len() < text.len() {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch() -> Batch {
        let origins = vec![Origin { line: 3, id: None }, Origin { line: 5, id: Some(json!("x")) }];
        Batch { origins, texts: vec!["a\tb".to_owned(), "c".repeat(90)], bytes: 94 }
    }

    fn reply() -> Value {
        json!({"embeddings": [{"values": [0.5, 1]}, {"values": [0.25, 0]}], "truncated": [1]})
    }

    #[test]
    fn lines_of_json_name_their_origin_and_what_was_cut() {
        let lines = json_lines(&batch().origins, &reply(), &[1]);
        let expected = "{\"line\":3,\"values\":[0.5,1],\"truncated\":false}\n\
                        {\"line\":5,\"id\":\"x\",\"values\":[0.25,0],\"truncated\":true}";
        assert_eq!(lines, expected);
    }

    #[test]
    fn rows_are_lines_under_one_header() {
        let mut writer = VectorWriter::new(Printer::new(OutputFormat::Table));
        let first = writer.rows(&batch(), &reply()).to_string();
        assert!(first.lines().next().unwrap().contains("dimension"), "{first}");
        writer.is_begun = true;
        let second = writer.rows(&batch(), &reply()).to_string();
        assert_eq!(second.lines().count(), 2, "{second}");
        assert!(second.contains("a b") && second.contains("ccc…"), "{second}");
    }
}
