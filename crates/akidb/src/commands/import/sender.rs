//! Sends one batch, again where that may help, and turns the node's complaints into line numbers.

use serde_json::Value;
use uuid::Uuid;

use super::{
    OnBadLine,
    batches::{BadLine, Batch, Line},
};
use crate::{
    client::{Client, NodeError, RequestError, Violation, retrying},
    failure::Failure,
};

/// Sends batches to one collection.
#[derive(Clone)]
pub(super) struct Sender {
    client: Client,
    collection: String,
    on_bad_line: OnBadLine,
    /// Makes the keys of this run its own.
    run: Uuid,
}

/// What became of a batch that was stored.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// Documents whose id was new.
    pub(super) created: u64,
    /// Documents that replaced one.
    pub(super) updated: u64,
    /// Lines that the node refused and that were left out.
    pub(super) skipped: Vec<BadLine>,
    /// Bytes of the input that are done.
    pub(super) bytes: u64,
}

/// Why a batch was not stored.
#[derive(Debug)]
pub(super) struct Refusal {
    /// The lines at fault, where the node named some.
    pub(super) bad: Vec<BadLine>,
    /// Why.
    pub(super) failure: Failure,
}

impl Sender {
    pub(super) fn new(client: Client, collection: String, on_bad_line: OnBadLine) -> Self {
        Self { client, collection, on_bad_line, run: Uuid::now_v7() }
    }

    /// Stores a batch.
    ///
    /// Each round sends what is left. It ends, as every round but the last leaves out a line.
    pub(super) async fn send(&self, batch: Batch) -> Result<Sent, Refusal> {
        let mut sent = Sent { bytes: batch.bytes, ..Sent::default() };
        let mut lines = batch.lines;
        while !lines.is_empty() {
            let error = match self.post(&lines).await {
                Ok(reply) => {
                    sent.count(&reply);
                    break;
                }
                Err(error) => error,
            };
            let bad = match &error {
                RequestError::Node(error) => bad_lines(error, &lines),
                _ => Vec::new(),
            };
            if self.on_bad_line == OnBadLine::Stop || bad.is_empty() {
                return Err(Refusal { bad, failure: failure(error, &lines) });
            }
            lines.retain(|line| bad.iter().all(|bad| bad.number != line.number));
            sent.skipped.extend(bad);
        }
        Ok(sent)
    }

    async fn post(&self, lines: &[Line]) -> Result<Value, RequestError> {
        let path = ["v1", "collections", &self.collection, "documents"];
        let body = body(lines);
        let first = lines.first().map_or(0, |line| line.number);
        // The same lines of the same run make the same key, so that a request whose answer was
        // lost can be sent again without storing documents without an id twice.
        let key = format!("{}-{first}-{}", self.run, lines.len());
        retrying(|| self.client.post_again(&path, body.clone(), &key)).await
    }
}

impl Sent {
    fn count(&mut self, reply: &Value) {
        for result in reply["results"].as_array().into_iter().flatten() {
            match result["status"].as_str() {
                Some("created") => self.created += 1,
                _ => self.updated += 1,
            }
        }
    }
}

fn body(lines: &[Line]) -> String {
    let documents: Vec<&str> = lines.iter().map(|line| line.json.as_str()).collect();
    format!("{{\"documents\":[{}]}}", documents.join(","))
}

fn failure(error: RequestError, lines: &[Line]) -> Failure {
    let failure = Failure::from(error);
    let (Some(first), Some(last)) = (lines.first(), lines.last()) else {
        return failure;
    };
    let message = format!("lines {} to {}: {}", first.number, last.number, failure.message);
    Failure { message, ..failure }
}

/// The lines that the node names by their place in the batch, each once.
fn bad_lines(error: &NodeError, lines: &[Line]) -> Vec<BadLine> {
    let mut bad: Vec<BadLine> = Vec::new();
    for violation in &error.violations {
        if let Some(line) = bad_line(violation, lines)
            && bad.iter().all(|known| known.number != line.number)
        {
            bad.push(line);
        }
    }
    bad
}

fn bad_line(violation: &Violation, lines: &[Line]) -> Option<BadLine> {
    let (index, field) = violation.field.strip_prefix("documents[")?.split_once(']')?;
    let line = lines.get(index.parse::<usize>().ok()?)?;
    let reason = match field.trim_start_matches('.') {
        "" => violation.description.clone(),
        field => format!("{field}: {}", violation.description),
    };
    Some(BadLine { number: line.number, reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: u64) -> Line {
        Line { number, json: format!("{{\"id\":{number}}}") }
    }

    #[test]
    fn places_in_a_batch_become_line_numbers() {
        let violation =
            |field: &str| Violation { field: field.to_owned(), description: "is wrong".to_owned() };
        let violations = ["documents[1].vector[3]", "documents[1].text", "documents[9]", "limit"];
        let error =
            NodeError { violations: violations.map(violation).into(), ..NodeError::default() };
        let bad = bad_lines(&error, &[line(7), line(9)]);
        assert_eq!(bad, [BadLine { number: 9, reason: "vector[3]: is wrong".to_owned() }]);
    }

    #[test]
    fn a_batch_is_sent_as_it_was_written() {
        assert_eq!(body(&[line(1), line(2)]), r#"{"documents":[{"id":1},{"id":2}]}"#);
    }
}
