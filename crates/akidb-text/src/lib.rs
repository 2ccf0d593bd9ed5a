//! The keyword index: which documents have the words of a query, and how well they fit (BM25).
//!
//! Scope: from text to terms ([`TextSettings`], [`Language`]), postings by slot with live statistics
//! ([`TextIndex`]), queries as people type them ([`TextQuery`]), and all of it as bytes with a hash
//! ([`Frozen`]). Out of scope: where documents and their texts come from, what slots stand for, and files.
//! Synchronous, no SQL, no async runtime.
//!
//! Postings of a term stand in blocks of 128 that never change, behind which a tail takes up what is
//! written; so an insert appends to the lists of its terms and is readable when it returns, and nothing is ever
//! merged. A search takes hold of the blocks of its terms and reads them without a lock. Which terms each
//! document has is kept, too, so that removing one takes it out of the statistics at once; its
//! postings stay until the index is compacted.
//!
//! | module | what it is |
//! |---|---|
//! | `settings`, `language`, `script` | what is indexed, and in which language |
//! | `tokens`, `normal`, `analysis` | text to words, words to terms, documents to terms with positions |
//! | `index`, `dictionary`, `list`, `block`, `lengths`, `forward` | what an index holds, and how it is written |
//! | `syntax`, `parsed`, `query` | what somebody typed, as clauses, as terms, over an index |
//! | `search`, `cursor`, `condition`, `saturation` | the best documents of a query, and the score of given ones |
//! | `matcher`, `matches`, `phrases`, `snippet` | where a text has the words of a query, and the sentences of it that have most |
//! | `found` | all documents of a query, and those that may have a text in them |
//! | `frozen`, `bytes` | one moment of an index: compacted, written and read |
//! | `numbers`, `count_code`, `hash` | numbers in few bytes, and hashes of terms |

mod analysis;
mod block;
mod bytes;
mod condition;
mod count_code;
mod cursor;
mod dictionary;
mod forward;
mod found;
mod frozen;
mod hash;
mod index;
mod language;
mod lengths;
mod list;
mod matcher;
mod matches;
mod normal;
mod numbers;
mod parsed;
mod phrases;
mod query;
mod saturation;
mod script;
mod search;
mod settings;
mod snippet;
mod syntax;
#[cfg(test)]
mod tests;
mod tokens;

pub use self::{
    analysis::AnalyzedDocument,
    bytes::DamagedTextIndex,
    found::{DocumentJudge, PossibleDocuments},
    frozen::Frozen,
    index::TextIndex,
    language::{Language, UnknownLanguage},
    matcher::TextMatcher,
    matches::TextMatches,
    query::{TextHit, TextQuery},
    settings::{LanguageSetting, TextField, TextSettings},
};
