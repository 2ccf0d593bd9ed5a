//! Pairs of a query and a document, as a re-ranker reads them.
//!
//! What is cut is cut as `CrossEncoder` of sentence-transformers does it: "longest first", which
//! takes tokens off the end of the longer text until both fit. Out of scope: scores.

use tokenizers::{Encoding, Token, Tokenizer};

use super::{Kind, TextTokenizer, TokenizedText, Tokens, Truncate, count};

/// Of which types a network takes the tokens of a pair to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PairTypes {
    /// All of the first: the network is told of the pair by its special tokens alone.
    One,
    /// The document and what follows it are of the second.
    Two,
}

/// A query, tokenized once for all its pairs.
pub(crate) struct QueryTokens(Tokens);

impl QueryTokens {
    /// Whether a token of it says something.
    pub(crate) const fn has_content(&self) -> bool {
        self.0.has_content
    }
}

/// The special tokens of a pair.
#[derive(Clone, Debug, Default)]
pub(super) struct PairWindow {
    before: Vec<u32>,
    between: Vec<u32>,
    after: Vec<u32>,
}

impl TextTokenizer {
    /// Takes the tokenizer of a re-ranker, of which pairs keep `max_tokens` tokens; see
    /// [`from_model`](Self::from_model).
    ///
    /// # Errors
    ///
    /// When `max_tokens` leaves no room for a token of each text, or what the tokenizer puts around
    /// a pair does not fit `types`; says so.
    pub(crate) fn of_pairs(
        tokenizer: Tokenizer,
        max_tokens: usize,
        types: PairTypes,
    ) -> Result<Self, String> {
        let mut this = Self::from_model(tokenizer, max_tokens)?;
        if let Kind::Model(model) = &mut this.0 {
            let pairs = PairWindow::of(&model.tokenizer, types)?;
            let special_tokens = pairs.special_tokens();
            if special_tokens + 2 > max_tokens {
                return Err(format!(
                    "a limit of {max_tokens} tokens leaves no room for a pair beside {special_tokens} \
                     special tokens"
                ));
            }
            model.pairs = Some(pairs);
        }
        Ok(this)
    }

    /// Tokenizes a query for its pairs.
    ///
    /// # Errors
    ///
    /// What the tokenizer says; only a damaged `tokenizer.json` gives rise to one.
    pub(crate) fn tokenize_query(&self, query: &str) -> Result<QueryTokens, String> {
        self.own_tokens(query).map(QueryTokens)
    }

    /// Tokenizes a document and puts it behind its query.
    ///
    /// # Errors
    ///
    /// As for the query.
    pub(crate) fn tokenize_document(
        &self,
        QueryTokens(query): &QueryTokens,
        document: &str,
    ) -> Result<TokenizedText, String> {
        let document = self.own_tokens(document)?;
        let none = PairWindow::default();
        let pairs = match &self.0 {
            Kind::Model(model) => model.pairs.as_ref().ok_or("the model reads no pairs")?,
            Kind::Words(_) => &none,
        };
        let room = self.max_tokens().saturating_sub(pairs.special_tokens());
        let (of_query, of_document) = longest_first(query.ids.len(), document.ids.len(), room);
        let document_ids = &document.ids[..of_document];
        let front = [pairs.before.as_slice(), &query.ids[..of_query], &pairs.between].concat();
        let document_start = front.len();
        let token_ids = [front.as_slice(), document_ids, &pairs.after].concat();
        let whole = query.ids.len() + document.ids.len() + pairs.special_tokens();
        Ok(TokenizedText {
            whole_text_tokens: count(whole),
            unknown_tokens: self.count_unknown(&token_ids),
            document_start: Some(document_start),
            has_content: document.has_content,
            token_ids,
        })
    }

    /// Tokenizes one pair.
    ///
    /// # Errors
    ///
    /// When the model is no re-ranker, or the tokenizer fails on a damaged `tokenizer.json`.
    pub fn tokenize_pair(&self, query: &str, document: &str) -> Result<TokenizedText, String> {
        self.tokenize_document(&self.tokenize_query(query)?, document)
    }

    /// The tokens of a text without special ones around them, uncut.
    fn own_tokens(&self, text: &str) -> Result<Tokens, String> {
        match &self.0 {
            Kind::Model(model) => model.tokenize("", text, Truncate::End),
            Kind::Words(_) => Ok(super::tokenize_words("", text)),
        }
    }
}

impl PairWindow {
    /// What a tokenizer puts around a pair.
    fn of(tokenizer: &Tokenizer, types: PairTypes) -> Result<Self, String> {
        const QUERY: u32 = u32::MAX;
        const DOCUMENT: u32 = u32::MAX - 1;
        let text = |id, kind| Encoding::from_tokens(vec![Token::new(id, "a".into(), (0, 1))], kind);
        let around = tokenizer
            .post_process(text(QUERY, 0), Some(text(DOCUMENT, 1)), true)
            .map_err(|error| error.to_string())?;
        let ids = around.get_ids();
        let place = |wanted| {
            let mut places = (0..ids.len()).filter(|at| ids[*at] == wanted);
            places.next().filter(|_| places.next().is_none())
        };
        let (Some(query), Some(document)) = (place(QUERY), place(DOCUMENT)) else {
            return Err("its post-processor does not keep both texts of a pair once".to_owned());
        };
        if document < query {
            return Err("its post-processor puts the second text of a pair first".to_owned());
        }
        let found = around.get_type_ids();
        let expected = (0..ids.len()).map(|at| u32::from(at >= document));
        if types == PairTypes::Two && !found.iter().copied().eq(expected) {
            return Err(format!(
                "its post-processor gives the tokens of a pair the types {found:?}, expected are 0 \
                 before its second text and 1 from there on"
            ));
        }
        Ok(Self {
            before: ids[..query].to_vec(),
            between: ids[query + 1..document].to_vec(),
            after: ids[document + 1..].to_vec(),
        })
    }

    fn special_tokens(&self) -> usize {
        self.before.len() + self.between.len() + self.after.len()
    }
}

/// How many tokens are kept of texts of so many, where there is room for so many of both.
///
/// As `truncate_encodings` of `tokenizers` does: the longer text gives way until it is as short as
/// the other one, then both do, and an odd token is of the longer one.
fn longest_first(first: usize, second: usize, room: usize) -> (usize, usize) {
    if first + second <= room {
        return (first, second);
    }
    let shorter = first.min(second).min(room / 2);
    let longer = room - shorter;
    if first > second { (longer, shorter) } else { (shorter, longer) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_text_gives_way_until_both_are_of_a_length() {
        let cases = [
            ((3, 5, 8), (3, 5)),
            ((3, 6, 8), (3, 5)),
            ((6, 3, 8), (5, 3)),
            ((4, 9, 8), (4, 4)),
            ((9, 9, 8), (4, 4)),
            ((9, 9, 7), (3, 4)),
            ((10, 9, 7), (4, 3)),
            ((0, 9, 7), (0, 7)),
            ((9, 1, 2), (1, 1)),
        ];
        for ((first, second, room), expected) in cases {
            assert_eq!(longest_first(first, second, room), expected, "{first}, {second}, {room}");
        }
    }
}
