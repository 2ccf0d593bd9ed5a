//! What an operation needs of whoever asks for it. The needs stand in the table of operations.

use akidb_core::Role;

/// Who may ask for an operation, where keys are required.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Whoever likes: it tells nothing of what the node holds.
    Public,
    /// Whoever has a key of this role, or of a higher one.
    Key(Role, Reach),
}

/// What of the node an operation is about, and so which keys it needs that are limited to collections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Nothing of it that a key could be limited to.
    Anything,
    /// The collection that the request names, which must be one of the key's.
    Collection,
    /// Those of many that are the key's; the others are as if they were not there.
    Own,
    /// All of the node: a key that is limited to collections does not do.
    Node,
}
