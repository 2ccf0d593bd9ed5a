//! The engine over real files: what is written is found in its field, whatever becomes of the others.
#![expect(clippy::unwrap_used, reason = "a test whose world is not as it must be fails")]

mod backups;
mod expiry;
mod facets;
mod fields;
mod orders;
mod searches;
mod shown;
mod text_filters;
mod words;
