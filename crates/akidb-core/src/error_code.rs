//! The one table of error codes: what REST, gRPC and the command line answer for each.

/// Declares [`ErrorCode`] and its columns from one table, so that no code can lack a column.
macro_rules! error_codes {
    ($($(#[doc = $doc:literal])+ $variant:ident => $name:literal, $http:literal, $grpc:literal, $exit:literal, $retryable:literal;)+) => {
        /// What went wrong, as a stable name that clients can match on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl ErrorCode {
            /// Every code, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The stable name, as it stands in `error.code` and in `google.rpc.ErrorInfo.reason`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// The HTTP status.
            #[must_use]
            pub const fn http_status(self) -> u16 {
                match self { $(Self::$variant => $http),+ }
            }

            /// The number of the gRPC status (`google.rpc.Code`).
            #[must_use]
            pub const fn grpc_status(self) -> i32 {
                match self { $(Self::$variant => $grpc),+ }
            }

            /// The exit code of a command that ends with this error.
            #[must_use]
            pub const fn exit_code(self) -> u8 {
                match self { $(Self::$variant => $exit),+ }
            }

            /// Whether the same request may succeed later, unchanged.
            #[must_use]
            pub const fn retryable(self) -> bool {
                match self { $(Self::$variant => $retryable),+ }
            }

            /// One sentence for the documentation.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+)),+ }
            }
        }
    };
}

// gRPC: 3 INVALID_ARGUMENT, 4 DEADLINE_EXCEEDED, 5 NOT_FOUND, 6 ALREADY_EXISTS, 7 PERMISSION_DENIED,
// 8 RESOURCE_EXHAUSTED, 9 FAILED_PRECONDITION, 12 UNIMPLEMENTED, 13 INTERNAL, 14 UNAVAILABLE,
// 15 DATA_LOSS, 16 UNAUTHENTICATED. Exit codes: 1 failure, 2 damage found, 64 usage, 74 IO.
error_codes! {
    /// The request could not be read: broken JSON, a wrong type, broken UTF-8, a missing field.
    MalformedRequest => "malformed_request", 400, 3, 64, false;
    /// The request has a field that AkiDB does not know.
    UnknownField => "unknown_field", 400, 3, 64, false;
    /// The filter does not follow the filter language, or uses an unknown operator.
    InvalidFilter => "invalid_filter", 400, 3, 64, false;
    /// The scroll cursor was not made by this collection.
    InvalidCursor => "invalid_cursor", 400, 3, 64, false;
    /// The node requires a key, and the request has none, or one that is not valid any more.
    Unauthenticated => "unauthenticated", 401, 16, 1, false;
    /// The key does not allow this: another role is needed, or the collection is not one of its own.
    PermissionDenied => "permission_denied", 403, 7, 1, false;
    /// The request names a host that is not this node's: server.hosts lists its names.
    HostNotAllowed => "host_not_allowed", 403, 7, 64, false;
    /// A web page of another site sent the request: server.cors_origins lists those that may.
    OriginNotAllowed => "origin_not_allowed", 403, 7, 64, false;
    /// The path is not a route of AkiDB.
    RouteNotFound => "route_not_found", 404, 12, 64, false;
    /// The route exists, the method does not.
    MethodNotAllowed => "method_not_allowed", 405, 12, 64, false;
    /// No collection has this name.
    CollectionNotFound => "collection_not_found", 404, 5, 1, false;
    /// The collection has no vector field of that name.
    FieldNotFound => "field_not_found", 404, 5, 1, false;
    /// No alias has this name.
    AliasNotFound => "alias_not_found", 404, 5, 1, false;
    /// No document of the collection has this id.
    DocumentNotFound => "document_not_found", 404, 5, 1, false;
    /// No task has this id, be it that it ended long ago.
    TaskNotFound => "task_not_found", 404, 5, 1, false;
    /// No backup has this id.
    BackupNotFound => "backup_not_found", 404, 5, 1, false;
    /// No key has this id, be it that it was revoked long ago.
    KeyNotFound => "key_not_found", 404, 5, 1, false;
    /// The node's configuration lists no model of this name.
    ModelNotFound => "model_not_found", 404, 5, 1, false;
    /// A collection of this name exists already.
    CollectionExists => "collection_exists", 409, 6, 1, false;
    /// The name is an alias already.
    AliasExists => "alias_exists", 409, 6, 1, false;
    /// The collection has an alias, or is named by one: it is dropped by its own name, without aliases.
    CollectionAliased => "collection_aliased", 409, 9, 1, false;
    /// A collection of this name exists, with other settings than those that were asked for.
    CollectionDiffers => "collection_differs", 409, 6, 1, false;
    /// The collection has another vector field of that name.
    FieldExists => "field_exists", 409, 6, 1, false;
    /// Vectors of another model are kept beside the field: they are to be dropped first.
    VectorsKept => "vectors_kept", 409, 9, 1, false;
    /// Documents of the field have vectors of their own and no text, so that no model can embed them anew.
    TextsMissing => "texts_missing", 409, 9, 1, false;
    /// A document of this id exists already, where the write was to make one.
    DocumentExists => "document_exists", 409, 6, 1, false;
    /// A task is at it already.
    TaskRunning => "task_running", 409, 9, 1, false;
    /// The task has ended, so that it can not be cancelled.
    TaskEnded => "task_ended", 409, 9, 1, false;
    /// The key is revoked, or the last one by which others can be made, or the first one and not such a key.
    KeyConflict => "key_conflict", 409, 9, 1, false;
    /// A collection uses the model, which is therefore not unloaded.
    ModelInUse => "model_in_use", 409, 9, 1, false;
    /// The document is not of the version that the write requires (`if_seq`, `If-Match`).
    ConditionFailed => "condition_failed", 412, 9, 1, false;
    /// The body or message is larger than the limit.
    BodyTooLarge => "body_too_large", 413, 8, 64, false;
    /// The body's content type or content encoding is not one that the route takes.
    UnsupportedMediaType => "unsupported_media_type", 415, 3, 64, false;
    /// The collection name is not 1 to 64 of the characters A-Z, a-z, 0-9, `_` and `-`.
    InvalidName => "invalid_name", 422, 3, 64, false;
    /// The document id is empty, too long or holds a NUL.
    InvalidId => "invalid_id", 422, 3, 64, false;
    /// The text is empty, blank, too long or holds a NUL.
    InvalidText => "invalid_text", 422, 3, 64, false;
    /// The metadata is too large, too deep, or has a key that filters could not name.
    InvalidMetadata => "invalid_metadata", 422, 3, 64, false;
    /// The vector has a value that is not a finite f32, or no direction where one is needed.
    InvalidVector => "invalid_vector", 422, 3, 64, false;
    /// The vector's length is not the dimension of the collection.
    DimensionMismatch => "dimension_mismatch", 422, 3, 64, false;
    /// The same id stands twice in one batch.
    DuplicateId => "duplicate_id", 422, 3, 64, false;
    /// A value contradicts another one, or is outside of what the field allows.
    InvalidArgument => "invalid_argument", 422, 3, 64, false;
    /// A number or a size is above its limit.
    LimitExceeded => "limit_exceeded", 422, 3, 64, false;
    /// Text was given for a collection without a model, or a model is not the collection's own.
    ModelMismatch => "model_mismatch", 422, 9, 1, false;
    /// The node's configuration turns embedding off, so that it takes vectors and no texts.
    EmbeddingDisabled => "embedding_disabled", 422, 9, 1, false;
    /// The embedding queue is full.
    QueueFull => "queue_full", 429, 8, 1, true;
    /// A key or an address has sent more requests than it may, a minute or at once.
    RateLimited => "rate_limited", 429, 8, 1, true;
    /// Too many requests are running.
    Overloaded => "overloaded", 503, 14, 1, true;
    /// The model is not loaded, is being loaded or unloaded, or failed to load.
    ModelNotReady => "model_not_ready", 503, 14, 1, true;
    /// The node is shutting down.
    ShuttingDown => "shutting_down", 503, 14, 1, true;
    /// The request's time was over before the answer was there.
    DeadlineExceeded => "deadline_exceeded", 504, 4, 1, true;
    /// The disk is full, or has less room than storage.min_free: searches and deletes go on.
    StorageFull => "storage_full", 507, 8, 74, true;
    /// The vector indexes have all the memory that the configuration allows them.
    IndexMemoryFull => "index_memory_full", 507, 8, 1, true;
    /// A stored row fails its checksum and is not served.
    DocumentDamaged => "document_damaged", 500, 15, 2, false;
    /// The storage failed.
    StorageFailed => "storage_failed", 500, 13, 74, false;
    /// The embedder failed on this text.
    EmbeddingFailed => "embedding_failed", 500, 13, 1, false;
    /// A fault of AkiDB itself.
    Internal => "internal", 500, 13, 1, false;
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::ErrorCode;

    #[test]
    fn names_are_unique_and_columns_agree() {
        let names: HashSet<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(names.len(), ErrorCode::ALL.len());
        for code in ErrorCode::ALL {
            assert!((400..=599).contains(&code.http_status()), "{code}");
            assert!((1..=16).contains(&code.grpc_status()), "{code}");
            assert!(!code.retryable() || matches!(code.http_status(), 429 | 503 | 504 | 507));
        }
    }
}
