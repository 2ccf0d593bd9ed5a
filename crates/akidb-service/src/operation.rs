//! The operations of the service, as metrics and logs name them.

use crate::Door;

/// Declares [`Operation`] from one table.
macro_rules! operations {
    ($($(#[doc = $doc:literal])+ $variant:ident => $name:literal;)+) => {
        /// What a request asks of the service.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Operation {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Operation {
            /// Each of them.
            pub(crate) const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name, a label of the metrics.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }
    };
}

operations! {
    /// A new collection.
    CreateCollection => "create_collection";
    /// A collection that is there or is made.
    PutCollection => "put_collection";
    /// The list of collections.
    ListCollections => "list_collections";
    /// One collection with its state.
    DescribeCollection => "describe_collection";
    /// Other settings for a collection.
    UpdateCollection => "update_collection";
    /// The list of aliases.
    ListAliases => "list_aliases";
    /// Other aliases.
    ChangeAliases => "change_aliases";
    /// A vector field that is there or is added.
    PutField => "put_field";
    /// The end of a vector field.
    DropField => "drop_field";
    /// The end of a collection.
    DeleteCollection => "delete_collection";
    /// Documents in.
    Upsert => "upsert";
    /// Documents in, one by one and without end.
    Import => "import";
    /// One or more documents out.
    Get => "get";
    /// Other metadata for a document.
    PatchMetadata => "patch_metadata";
    /// Documents gone.
    Delete => "delete";
    /// How many documents.
    Count => "count";
    /// How many documents have which values.
    Facets => "facets";
    /// A page of documents.
    Scroll => "scroll";
    /// One search.
    Search => "search";
    /// Many searches.
    SearchBatch => "search_batch";
    /// Texts to vectors.
    Embed => "embed";
    /// Documents in the order in which they answer a query.
    Rerank => "rerank";
    /// The models and their states.
    Models => "models";
    /// A model into memory.
    LoadModel => "load_model";
    /// A model out of memory.
    UnloadModel => "unload_model";
    /// A copy of a collection, begun.
    CopyCollection => "copy_collection";
    /// The texts of a field with another model, begun.
    ReembedCollection => "reembed_collection";
    /// The end of vectors that another model has taken over from.
    DropPrevious => "drop_previous";
    /// The tasks and how far they are.
    Tasks => "tasks";
    /// The end of a task that is not wanted any more.
    CancelTask => "cancel_task";
    /// A backup of all collections, begun.
    BackUp => "back_up";
    /// The backups that there are.
    Backups => "backups";
    /// The end of a backup.
    DeleteBackup => "delete_backup";
    /// A request that is none of the above: an unknown route or method.
    Unknown => "unknown";
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
