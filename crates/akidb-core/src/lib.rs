//! The vocabulary of AkiDB.
//!
//! Scope: types that carry their preconditions, the limits, the filter tree and the one table of
//! error codes. Out of scope: anything that reads a file, a socket or a clock. `torture` is what
//! tests alone ask for.

mod access;
mod condition;
mod document;
mod effort;
mod error;
mod error_code;
mod expiry;
mod facet;
mod field_path;
mod filter;
mod index_settings;
mod json;
mod keyword_settings;
mod limits;
mod metadata;
mod metric;
mod metrics;
mod name;
mod passage;
mod plan;
mod search_mode;
mod sort_key;
mod text;
pub mod torture;
mod trace;
mod vector;

pub use access::{CollectionScope, InvalidPattern, NamePattern, Role, UnknownRole};
pub use condition::{Conflict, WriteMode};
pub use document::{DamagedDocument, Document, DocumentField, DocumentId, InvalidDocumentId, Seq};
pub use effort::Effort;
pub use error::{Error, Outcome, Result, Violation, chain};
pub use error_code::ErrorCode;
pub use expiry::{Expiry, InvalidTimestamp, Timestamp};
pub use facet::{
    Borders, Facet, FacetBuckets, FacetBy, FacetCounts, InvalidBorders, RangeCount, ValueCount,
};
pub use field_path::{FieldPath, InvalidFieldPath};
pub use filter::{
    Caseless, DateInterval, Filter, FilterError, Filtered, Operand, Ordered, Test, TextTest,
    WordsJudge, WordsTest, value_key,
};
pub use index_settings::{IndexEngine, IndexSettings, Quantization, UnknownIndexSetting};
pub use json::{JsonFault, KEY_STANDS_TWICE, read_json, read_raw_json};
pub use keyword_settings::KeywordSettings;
pub use limits::Limits;
pub use metadata::{InvalidMetadata, Metadata};
pub use metric::{Metric, UnknownMetric};
pub use name::{CollectionName, FieldName, InvalidFieldName, InvalidName};
pub use passage::{CharacterOffsets, Chunking, Passage, in_characters};
pub use plan::{Codes, Strategy};
pub use search_mode::{FusionKind, SearchMode};
pub use sort_key::{Direction, OrderBy, SortKey, SortKind};
pub use text::{InvalidText, check_text};
pub use trace::TRACE_TARGET;
pub use vector::{Dimension, InvalidDimension, InvalidVector, check_vector};
