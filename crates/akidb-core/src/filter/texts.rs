//! Conditions on the texts of documents.

use std::{fmt, sync::Arc};

use super::Filter;
use crate::Metadata;

/// What must hold for the text of a document.
#[derive(Clone, Debug, PartialEq)]
pub enum TextTest {
    /// It has this one in it, byte for byte.
    Contains(String),
    /// A search by these words would find the document.
    Match(WordsTest),
}

/// Says of the text and the metadata of a document whether a search by certain words finds it.
pub type WordsJudge = Arc<dyn Fn(Option<&str>, &Metadata) -> bool + Send + Sync>;

/// Words that documents are found by.
///
/// What a word is, is a matter of the collection, which [`Filter::judged`] has a say.
#[derive(Clone)]
pub struct WordsTest {
    query: String,
    judge: Option<WordsJudge>,
}

impl WordsTest {
    /// Words as somebody typed them.
    #[must_use]
    pub fn new(query: String) -> Self {
        Self { query, judge: None }
    }

    /// The words as somebody typed them.
    #[must_use]
    pub fn query(&self) -> &str {
        &self.query
    }
}

impl fmt::Debug for WordsTest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("WordsTest").field(&self.query).finish()
    }
}

impl PartialEq for WordsTest {
    fn eq(&self, other: &Self) -> bool {
        self.query == other.query
    }
}

impl TextTest {
    /// Whether it holds. Words that nobody judges are in no text.
    pub(super) fn holds(&self, text: Option<&str>, metadata: &Metadata) -> bool {
        match self {
            Self::Contains(part) => text.is_some_and(|text| text.contains(part.as_str())),
            Self::Match(words) => words.judge.as_ref().is_some_and(|judge| judge(text, metadata)),
        }
    }
}

impl Filter {
    /// The conditions on texts, in their order.
    #[must_use]
    pub fn text_tests(&self) -> Vec<&TextTest> {
        let mut tests = Vec::new();
        self.collect_text_tests(&mut tests);
        tests
    }

    fn collect_text_tests<'f>(&'f self, tests: &mut Vec<&'f TextTest>) {
        match self {
            Self::And(filters) | Self::Or(filters) => {
                filters.iter().for_each(|filter| filter.collect_text_tests(tests));
            }
            Self::Not(filter) => filter.collect_text_tests(tests),
            Self::Text(test) => tests.push(test),
            Self::Field { .. } | Self::Id(_) | Self::ExpiresAt(_) => {}
        }
    }

    /// The same filter, with somebody to say which documents have its words.
    #[must_use]
    pub fn judged(&self, judge_of: &dyn Fn(&str) -> WordsJudge) -> Self {
        let all = |filters: &[Self]| filters.iter().map(|filter| filter.judged(judge_of)).collect();
        match self {
            Self::And(filters) => Self::And(all(filters)),
            Self::Or(filters) => Self::Or(all(filters)),
            Self::Not(filter) => Self::Not(Box::new(filter.judged(judge_of))),
            Self::Text(TextTest::Match(words)) => {
                let judge = Some(judge_of(&words.query));
                Self::Text(TextTest::Match(WordsTest { judge, ..words.clone() }))
            }
            other => other.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{DocumentId, Filtered, Limits};

    #[track_caller]
    fn check(filter: &serde_json::Value, text: Option<&str>, expect: bool) {
        let metadata = Metadata::default();
        // A word is what stands between spaces.
        let judge_of = |query: &str| -> WordsJudge {
            let query = query.to_owned();
            Arc::new(move |text, _| text.is_some_and(|text| text.split(' ').any(|it| it == query)))
        };
        let filter = Filter::parse(filter, &Limits::default()).unwrap().judged(&judge_of);
        let document =
            Filtered { id: &DocumentId::Integer(1), metadata: &metadata, expires_at: None, text };
        assert_eq!(filter.matches(document), expect, "{filter:?} {text:?}");
    }

    #[test]
    fn texts_are_looked_at_wherever_the_condition_stands() {
        let text = Some("the White whale");
        check(&json!({"$text": {"$contains": "ite wh"}}), text, true);
        check(&json!({"$text": {"$contains": "white"}}), text, false);
        check(&json!({"$text": {"$match": "White"}}), text, true);
        check(&json!({"$text": {"$match": "hale"}}), text, false);
        check(&json!({"$text": {"$match": "whale", "$contains": "the"}}), text, true);
        check(&json!({"$text": {"$not": {"$match": "whale"}}}), text, false);
        check(&json!({"$not": {"$text": {"$contains": "x"}}}), text, true);
        check(&json!({"$or": [{"a": 1}, {"$text": {"$contains": "the"}}]}), text, true);
        check(&json!({"$and": [{"a": null}, {"$text": {"$contains": "x"}}]}), text, false);
        check(&json!({"$text": {"$contains": "a"}}), None, false);
        check(&json!({"$text": {"$not": {"$contains": "a"}}}), None, true);
    }

    #[test]
    fn conditions_on_texts_are_told_in_their_order() {
        let filter =
            json!({"$or": [{"$text": {"$contains": "a"}}, {"$not": {"$text": {"$match": "b"}}}]});
        let filter = Filter::parse(&filter, &Limits::default()).unwrap();
        let tests = filter.text_tests();
        let words = TextTest::Match(WordsTest::new("b".to_owned()));
        assert_eq!(tests, [&TextTest::Contains("a".to_owned()), &words]);
        assert!(filter.fields().is_empty());
    }
}
