//! What somebody typed, taken apart. There is no text that is not a query.
//!
//! A `-` and a colon mean something only where they can: the one before a word, the other behind the name of
//! a field. A quote that does not end, a `*` alone and a `-` alone mean nothing. Nor does any sign in prose:
//! who pastes a paragraph quotes somebody, and does not ask that documents do.

use crate::TextSettings;

/// Words without a sign in a query that is not prose yet.
const PLAIN_WORDS_MAX: usize = 8;

/// A piece of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clause<'q> {
    /// Whether documents that have it are left out.
    pub(crate) excluded: bool,
    /// The only field that it is looked for in.
    pub(crate) field: Option<u32>,
    pub(crate) form: Form<'q>,
}

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form<'q> {
    /// Words.
    Words(&'q str),
    /// Words, one behind the other.
    Phrase(&'q str),
    /// Words, of which the last one may go on.
    Prefix(&'q str),
}

/// Takes a query apart.
pub(crate) fn clauses<'q>(text: &'q str, settings: &TextSettings) -> Vec<Clause<'q>> {
    let mut clauses = Vec::new();
    // Looked for once: a text of nothing but quotes that do not end would be read to its end for each.
    let bytes_from_last = |quote: char| text.rfind(quote).map_or(usize::MAX, |at| text.len() - at);
    let last = [bytes_from_last('"'), bytes_from_last('\u{201d}')];
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (excluded, after_sign) = match rest.strip_prefix('-') {
            Some(after) if begins_something(after) => (true, after),
            _ => (false, rest),
        };
        let (field, after_field) = field(after_sign, settings);
        let (form, after) = form(after_field, last);
        clauses.push(Clause { excluded, field, form });
        rest = after.trim_start();
    }
    if clauses.iter().filter(|clause| clause.is_plain()).count() > PLAIN_WORDS_MAX {
        clauses.iter_mut().for_each(Clause::take_as_prose);
    }
    clauses
}

impl Clause<'_> {
    fn is_plain(&self) -> bool {
        let is_words =
            matches!(self.form, Form::Words(words) if words.contains(char::is_alphanumeric));
        is_words && !self.excluded && self.field.is_none()
    }

    fn take_as_prose(&mut self) {
        let (Form::Words(text) | Form::Phrase(text) | Form::Prefix(text)) = self.form;
        *self = Self { excluded: false, field: None, form: Form::Words(text) };
    }
}

fn begins_something(text: &str) -> bool {
    text.chars().next().is_some_and(|first| first.is_alphanumeric() || closing(first).is_some())
}

/// The number of the field that a text begins with the name of, and what is behind the colon.
fn field<'q>(text: &'q str, settings: &TextSettings) -> (Option<u32>, &'q str) {
    let mut fields = (0..).zip(&settings.fields);
    let named = fields.find_map(|(number, field)| {
        let behind = text.strip_prefix(field.name.as_str())?.strip_prefix(':')?;
        begins_something(behind).then_some((Some(number), behind))
    });
    named.unwrap_or((None, text))
}

/// What closes a quote that is opened.
fn closing(quote: char) -> Option<char> {
    match quote {
        '"' => Some('"'),
        '\u{201c}' => Some('\u{201d}'),
        _ => None,
    }
}

/// Takes a phrase or a word from the front of a text that has something there. `last` says how many bytes
/// before the end the last quote of each kind is that closes.
fn form(text: &str, last: [usize; 2]) -> (Form<'_>, &str) {
    let mut characters = text.chars();
    if let Some(quote) = characters.next().and_then(closing) {
        let inside = characters.as_str();
        let is_closed = inside.len() >= last[usize::from(quote != '"')];
        let closed = if is_closed { inside.split_once(quote) } else { None };
        return match closed {
            Some((phrase, behind)) => (Form::Phrase(phrase), behind),
            // It does not end: what is behind is words.
            None => (Form::Words(""), inside),
        };
    }
    // A quote within a word is one of inches, or of a name.
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (word, behind) = text.split_at(end);
    let form = match word.strip_suffix('*') {
        Some(start) if start.chars().next_back().is_some_and(char::is_alphanumeric) => {
            Form::Prefix(start)
        }
        _ => Form::Words(word),
    };
    (form, behind)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU8;

    use proptest::prelude::*;

    use super::*;
    use crate::TextField;

    fn settings() -> TextSettings {
        let mut settings = TextSettings::default();
        settings.fields.push(TextField { name: "title".to_owned(), weight: NonZeroU8::MIN });
        settings
    }

    fn read(text: &str) -> String {
        let clauses = clauses(text, &settings());
        let told = clauses.iter().map(|clause| {
            let sign = if clause.excluded { "-" } else { "" };
            let field = clause.field.map(|field| format!("{field}:")).unwrap_or_default();
            let form = match clause.form {
                Form::Words(words) => words.to_owned(),
                Form::Phrase(phrase) => format!("[{phrase}]"),
                Form::Prefix(start) => format!("{start}..."),
            };
            format!("{sign}{field}{form}")
        });
        told.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn signs_mean_something_where_they_can() {
        assert_eq!(read(r#"red -blue "dark green" yell*"#), "red -blue [dark green] yell...");
        assert_eq!(
            read(r#"title:whale -title:"white whale" title:wh*"#),
            "1:whale -1:[white whale] 1:wh..."
        );
        assert_eq!(read("“dark green” -“light blue”"), "[dark green] -[light blue]");
        assert_eq!(
            read("note:this http://a.b 12:30 title: x"),
            "note:this http://a.b 12:30 title: x"
        );
        assert_eq!(read("well-known -- - -* * a-* \u{2014}"), "well-known -- - -* * a-* \u{2014}");
        assert_eq!(read("   "), "");
    }

    #[test]
    fn quotes_that_do_not_end_mean_nothing() {
        assert_eq!(read(r#""red blue"#), " red blue");
        assert_eq!(read(r#"red" blue"#), r#"red" blue"#);
        assert_eq!(read(r#""a" "b"#), "[a]  b");
        assert_eq!(read(r#"""""#), "[] ");
        assert_eq!(read(r#"-"red"#), "- red");
    }

    #[test]
    fn signs_mean_nothing_in_prose() {
        let eight = "we hear of one type-correct module - thus far";
        let signs = r#"-not "type correct" title:whale modul*"#;
        assert_eq!(
            read(&format!("{eight} {signs}")),
            format!("{eight} -not [type correct] 1:whale modul...")
        );
        let prose = format!("{eight} often");
        assert_eq!(
            read(&format!("{prose} {signs}")),
            format!("{prose} not type correct whale modul")
        );
    }

    proptest! {
        #[test]
        fn every_text_is_a_query(text in any::<String>(), signs in r#"[-"*: a“”ti]{0,20}"#) {
            clauses(&text, &settings());
            clauses(&signs, &settings());
        }
    }
}
