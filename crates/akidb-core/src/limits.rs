//! Every limit on what one request, or those of one client, may ask, in one table.

/// Declares [`Limits`] from one table of name, default and meaning.
///
/// After `off_at_zero` come those that limit nothing where they are 0; the others are at least 1.
macro_rules! limits {
    (
        $($(#[doc = $doc:literal])+ $name:ident = $default:expr;)+
        off_at_zero: $($off:ident)+
    ) => {
        /// The limits that the service enforces. Each has a key of its name in `[limits]`.
        #[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct Limits {
            $($(#[doc = $doc])+ pub $name: usize,)+
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: $default,)+ }
            }
        }

        impl Limits {
            /// Name, default and meaning of each limit, for the documentation.
            pub const TABLE: &[(&'static str, usize, &'static str)] =
                &[$((stringify!($name), $default, concat!($($doc),+)),)+];

            /// The names of those that limit nothing where they are 0.
            pub const OFF_AT_ZERO: &[&str] = &[$(stringify!($off)),+];

            /// The name and the value of each limit, as [`TABLE`](Self::TABLE) has them in order.
            pub fn values(&self) -> impl Iterator<Item = (&'static str, usize)> {
                [$((stringify!($name), self.$name)),+].into_iter()
            }
        }
    };
}

limits! {
    /// Bytes of one REST body.
    body_bytes = 32 << 20;
    /// Bytes of one gRPC message, in either direction.
    grpc_message_bytes = 8 << 20;
    /// Documents in one upsert, and those that a change by a filter makes at once.
    batch_documents = 10_000;
    /// Bytes of one line of an import.
    import_line_bytes = 8 << 20;
    /// Bytes of answers that one import keeps for a client that does not read them yet.
    import_answer_bytes = 1 << 30;
    /// Imports running at once; more are refused as overloaded.
    concurrent_imports = 8;
    /// Ids in one get or delete.
    batch_ids = 10_000;
    /// Searches in one batch search.
    batch_searches = 100;
    /// Facets in one request.
    batch_facets = 20;
    /// Texts in one embed request.
    embed_texts = 32;
    /// Inputs in one request of `/v1/embeddings`.
    openai_inputs = 2_048;
    /// Documents that one request has re-ranked, and hits of a search.
    rerank_documents = 1_000;
    /// Bytes of one text.
    text_bytes = 1 << 20;
    /// Passages that one text is cut into, in a collection that cuts texts.
    document_passages = 4_096;
    /// Bytes of one document's metadata, as JSON.
    metadata_bytes = 64 << 10;
    /// Levels of nesting in metadata.
    metadata_depth = 16;
    /// Levels of nesting in a filter.
    filter_depth = 16;
    /// Conditions, operators and operands in a filter.
    filter_nodes = 1_024;
    /// The largest `limit` plus `offset` of a search, and the largest page of a scroll.
    result_window = 10_000;
    /// Vector fields of one collection.
    collection_fields = 64;
    /// Collections on the node.
    collections = 100_000;
    /// Aliases on the node.
    aliases = 1_000;
    /// Changes of aliases in one request.
    batch_aliases = 100;
    /// Keys that are not revoked.
    keys = 10_000;
    /// Revoked keys that are still told of; the oldest are forgotten.
    revoked_keys = 1_000;
    /// Tasks that wait or run.
    tasks = 100;
    /// Tasks that have ended and can still be asked for; the oldest are forgotten.
    ended_tasks = 1_000;
    /// Days after which an ended task is forgotten, when another one begins or ends.
    ended_task_days = 30;
    /// Requests running at once; more are refused as overloaded.
    concurrent_requests = 512;
    /// Requests of one key running at once; more are refused as rate-limited. 0 for no limit.
    concurrent_requests_per_user = 0;
    /// Requests a minute of one key, which may come all at once; one that has a rate of its own keeps to
    /// that. 0 for no limit.
    rate_limit_per_user = 0;
    /// Requests a minute of one address, or of one IPv6 network of 64 bits. 0 for no limit.
    rate_limit_per_ip = 0;
    off_at_zero: concurrent_requests_per_user rate_limit_per_user rate_limit_per_ip
}
