//! The operations of the service, as metrics and logs name them.

use akidb_core::Role::{Admin, Read, Write};

use crate::{
    Access, Door,
    Reach::{Anything, Collection, Node, Own},
};

/// Declares [`Operation`] from one table: the name, and who may ask for it where keys are required.
macro_rules! operations {
    ($($(#[doc = $doc:literal])+ $variant:ident => $name:literal, $access:expr;)+) => {
        /// What a request asks of the service.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Operation {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Operation {
            /// Each of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name, a label of the metrics.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// Who may ask for it, at every door, where keys are required.
            #[must_use]
            pub const fn access(self) -> Access {
                match self { $(Self::$variant => $access),+ }
            }
        }
    };
}

operations! {
    /// A new collection.
    CreateCollection => "create_collection", Access::Key(Admin, Collection);
    /// A collection that is there or is made.
    PutCollection => "put_collection", Access::Key(Admin, Collection);
    /// The list of collections.
    ListCollections => "list_collections", Access::Key(Read, Own);
    /// One collection with its state.
    DescribeCollection => "describe_collection", Access::Key(Read, Collection);
    /// Other settings for a collection.
    UpdateCollection => "update_collection", Access::Key(Admin, Collection);
    /// The list of aliases.
    ListAliases => "list_aliases", Access::Key(Read, Own);
    /// Other aliases.
    ChangeAliases => "change_aliases", Access::Key(Admin, Own);
    /// A vector field that is there or is added.
    PutField => "put_field", Access::Key(Admin, Collection);
    /// The end of a vector field.
    DropField => "drop_field", Access::Key(Admin, Collection);
    /// The end of a collection.
    DeleteCollection => "delete_collection", Access::Key(Admin, Collection);
    /// Documents in.
    Upsert => "upsert", Access::Key(Write, Collection);
    /// Documents in, one by one and without end.
    Import => "import", Access::Key(Write, Collection);
    /// One or more documents out.
    Get => "get", Access::Key(Read, Collection);
    /// Other metadata for a document.
    PatchMetadata => "patch_metadata", Access::Key(Write, Collection);
    /// Documents gone.
    Delete => "delete", Access::Key(Write, Collection);
    /// How many documents.
    Count => "count", Access::Key(Read, Collection);
    /// How many documents have which values.
    Facets => "facets", Access::Key(Read, Collection);
    /// A page of documents.
    Scroll => "scroll", Access::Key(Read, Collection);
    /// One search.
    Search => "search", Access::Key(Read, Collection);
    /// Many searches.
    SearchBatch => "search_batch", Access::Key(Read, Collection);
    /// Texts to vectors.
    Embed => "embed", Access::Key(Read, Anything);
    /// Documents in the order in which they answer a query.
    Rerank => "rerank", Access::Key(Read, Anything);
    /// The models and their states.
    Models => "models", Access::Key(Read, Anything);
    /// A model into memory.
    LoadModel => "load_model", Access::Key(Admin, Node);
    /// A model out of memory.
    UnloadModel => "unload_model", Access::Key(Admin, Node);
    /// A copy of a collection, begun.
    CopyCollection => "copy_collection", Access::Key(Admin, Collection);
    /// The texts of a field with another model, begun.
    ReembedCollection => "reembed_collection", Access::Key(Admin, Collection);
    /// The end of vectors that another model has taken over from.
    DropPrevious => "drop_previous", Access::Key(Admin, Collection);
    /// The tasks and how far they are.
    Tasks => "tasks", Access::Key(Read, Own);
    /// The end of a task that is not wanted any more.
    CancelTask => "cancel_task", Access::Key(Admin, Own);
    /// A backup of all collections, begun.
    BackUp => "back_up", Access::Key(Admin, Node);
    /// The backups that there are.
    Backups => "backups", Access::Key(Admin, Node);
    /// The end of a backup.
    DeleteBackup => "delete_backup", Access::Key(Admin, Node);
    /// A new key.
    CreateKey => "create_key", Access::Key(Admin, Node);
    /// The keys that there are.
    Keys => "keys", Access::Key(Admin, Node);
    /// The end of a key.
    RevokeKey => "revoke_key", Access::Key(Admin, Node);
    /// Another secret for a key.
    RotateKey => "rotate_key", Access::Key(Admin, Node);
    /// What requests and clients are limited to.
    Limits => "limits", Access::Key(Admin, Node);
    /// Whether the node is well. Details are for keys that may see all of it.
    Health => "health", Access::Public;
    /// Which program answers.
    Version => "version", Access::Key(Read, Anything);
    /// What the node counts, of all collections.
    Metrics => "metrics", Access::Key(Read, Node);
    /// The description of the REST door and the page to read it, the same of every node: a browser loads
    /// them before a person can give a key.
    Description => "description", Access::Public;
    /// The description of the gRPC door.
    Reflection => "reflection", Access::Key(Read, Anything);
    /// A request that is none of the above: an unknown route or method.
    Unknown => "unknown", Access::Key(Read, Anything);
}

impl Operation {
    /// Whether its time divides into phases. An import takes as long as its client likes, and does
    /// many things at once.
    pub(crate) const fn has_phases(self) -> bool {
        !matches!(self, Self::Import)
    }

    /// Whether it changes what is stored, and so must not be cut off half way: it looks at the
    /// deadline itself, until it begins.
    pub(crate) const fn keeps_its_own_deadline(self) -> bool {
        matches!(
            self,
            Self::Upsert
                | Self::Import
                | Self::PatchMetadata
                | Self::Delete
                | Self::CreateCollection
                | Self::PutCollection
                | Self::ChangeAliases
                | Self::CopyCollection
                | Self::ReembedCollection
                | Self::DropPrevious
                | Self::CancelTask
                | Self::BackUp
                | Self::DeleteBackup
                | Self::CreateKey
                | Self::RevokeKey
                | Self::RotateKey
                | Self::UpdateCollection
                | Self::DeleteCollection
                | Self::PutField
                | Self::DropField
        )
    }
}

impl Door {
    /// The name, a label of the metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rest => "rest",
            Self::Grpc => "grpc",
        }
    }
}
