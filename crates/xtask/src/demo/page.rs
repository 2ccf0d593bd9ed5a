//! What the demo prints, laid out for people.

use std::time::Duration;

use crate::{generate::grouped, model, node::Addresses};

const WIDTH: usize = 92;
const INDENT: usize = 3;
const LINES_PER_HIT: usize = 2;

/// A search and what was found.
pub(super) struct Answer {
    pub(super) title: &'static str,
    pub(super) question: String,
    pub(super) filter: Option<String>,
    pub(super) hits: Vec<Hit>,
    /// From sending the request to having the reply.
    pub(super) took: Duration,
}

/// One found document.
pub(super) struct Hit {
    pub(super) score: f64,
    pub(super) id: String,
    pub(super) text: String,
}

/// The node that answers.
pub(super) fn heading(addresses: Addresses, ready_after: Duration) {
    println!("\nAkiDB, one process with the model {} in it", model::NAME);
    println!(
        "{:INDENT$}REST {}, gRPC {}, ready after {}",
        "",
        addresses.rest,
        addresses.grpc,
        seconds(ready_after)
    );
}

/// What was written, and how fast.
pub(super) fn inserted(documents: usize, tokens: u64, took: Duration) {
    let rate = |count: f64| grouped((count / took.as_secs_f64()).round() as usize);
    println!(
        "{:INDENT$}{documents} documents embedded, stored and synced in {}: {} documents/s, {} tokens/s",
        "",
        seconds(took),
        rate(documents as f64),
        rate(tokens as f64)
    );
}

/// A question and its answers.
pub(super) fn answer(answer: &Answer) {
    print!("\n{}", laid_out(answer));
}

fn laid_out(answer: &Answer) -> String {
    let took = milliseconds(answer.took);
    let title_width = WIDTH - took.len();
    let mut page = format!("{:title_width$}{took}\n", answer.title);
    page += &format!("{:INDENT$}\"{}\"", "", answer.question);
    if let Some(filter) = &answer.filter {
        page += &format!(" where {filter}");
    }
    page.push('\n');

    let id_width = answer.hits.iter().map(|hit| hit.id.chars().count()).max().unwrap_or(0);
    let left = INDENT + "0.000".len() + 2 + id_width + 2;
    for hit in &answer.hits {
        let excerpt = wrap(&hit.text, WIDTH.saturating_sub(left), LINES_PER_HIT);
        let mut lines = excerpt.iter();
        let first = lines.next().map_or("", String::as_str);
        page += &format!("{:INDENT$}{:.3}  {:id_width$}  {first}\n", "", hit.score, hit.id);
        for line in lines {
            page += &format!("{:left$}{line}\n", "");
        }
    }
    page
}

/// Breaks text between words into at most so many lines; where words are left over, an ellipsis
/// takes the place of the last ones.
fn wrap(text: &str, width: usize, lines_max: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let line_count = lines.len();
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            Some(line) if line_count == lines_max => {
                end_with_ellipsis(line, width);
                break;
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn end_with_ellipsis(line: &mut String, width: usize) {
    while line.chars().count() + 2 > width {
        let Some(space) = line.rfind(' ') else { break };
        line.truncate(space);
    }
    line.push_str(" …");
}

/// `0.52 s`, `12.3 s`.
pub(super) fn seconds(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 10.0 { format!("{seconds:.2} s") } else { format!("{seconds:.1} s") }
}

fn milliseconds(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_wrap(text: &str, width: usize, expected: &[&str]) {
        assert_eq!(wrap(text, width, 2), expected);
    }

    #[test]
    fn text_is_wrapped_between_words_and_cut_with_an_ellipsis() {
        check_wrap("", 10, &[]);
        check_wrap("one two", 10, &["one two"]);
        check_wrap("one two three four", 10, &["one two", "three four"]);
        check_wrap("one two three four five", 12, &["one two", "three four …"]);
        check_wrap("one two three four five", 10, &["one two", "three …"]);
        check_wrap("größer überall", 7, &["größer", "überall"]);
        check_wrap("incomprehensibilities", 5, &["incomprehensibilities"]);
    }

    #[test]
    fn hits_are_aligned_below_their_question() {
        let hit = |score, id: &str| Hit { score, id: id.to_owned(), text: "a text".to_owned() };
        let page = laid_out(&Answer {
            title: "title",
            question: "what?".to_owned(),
            filter: Some("{}".to_owned()),
            hits: vec![hit(0.75, "long-id"), hit(0.5, "id")],
            took: Duration::from_micros(1_250),
        });
        let lines: Vec<_> = page.lines().collect();
        assert_eq!(lines[0].chars().count(), WIDTH);
        assert!(lines[0].ends_with("1.2 ms"));
        assert_eq!(
            lines[1..],
            ["   \"what?\" where {}", "   0.750  long-id  a text", "   0.500  id       a text",]
        );
    }
}
