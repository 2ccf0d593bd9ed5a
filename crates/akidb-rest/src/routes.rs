//! The one table of routes, and the router made from it.
//!
//! `openapi` makes the description from the same table, so neither can have a route that the
//! other lacks.

use akidb_service::{Operation, Service};
use axum::{
    Router,
    middleware::from_fn_with_state,
    routing::{MethodRouter, on},
};
use http::Method;

use crate::{
    RestOptions,
    arrival::arrive,
    call::{IDEMPOTENCY_KEY, IF_MATCH, admit},
    docs_page,
    encoding::compressing,
    envelope::{catching_panics, enveloped},
    fallback,
    handlers::{
        aliases, backups, collections, documents, embed, keys, models, node, openai, search, tasks,
    },
    import,
    route::{ErrorShape, QueryParameter, RequestHeader, Route, Takes, Verb},
    state::RestState,
    wire::{
        AliasListAnswer, AliveAnswer, BackupAnswer, BackupListAnswer, ChangeAliasesBody,
        CollectionAnswer, CollectionDeletedAnswer, CollectionListAnswer, CopyCollectionBody,
        CountAnswer, CountBody, CreateCollectionBody, DeleteAnswer, DeleteBody, DocumentAnswer,
        DocumentListAnswer, DropPreviousBody, EmbedAnswer, EmbedBody, FacetsAnswer, FacetsBody,
        FieldBody, GetBody, ImportAnswer, IssuedKeyAnswer, KeyAnswer, KeyListAnswer,
        LimitListAnswer, ModelAnswer, ModelListAnswer, NewDocumentBody, NewKeyBody,
        OpenAiEmbeddingsAnswer, OpenAiEmbeddingsBody, OpenAiModelAnswer, OpenAiModelListAnswer,
        PatchDocumentBody, PutCollectionBody, ReadyAnswer, ReembedCollectionBody, RerankAnswer,
        RerankBody, RotateKeyBody, ScrollAnswer, ScrollBody, SearchAnswer, SearchBatchAnswer,
        SearchBatchBody, SearchBody, TaskAnswer, TaskListAnswer, UpdateAnswer, UpdateBody,
        UpdateCollectionBody, UpsertAnswer, UpsertBody, VersionAnswer,
    },
};

const TYPE: QueryParameter = QueryParameter {
    name: "type",
    description: "How the id is read: string or integer. 5 and \"5\" are different ids; without this \
                  it is the string, where a document has it as its id, else the integer.",
    takes: Takes::Words(&["string", "integer"]),
};

const ID: QueryParameter = QueryParameter {
    name: "id",
    description: "The document's id, percent-encoded. Needed; unlike a part of a path it may also be \
                  . or .., which clients take for steps.",
    takes: Takes::Needed("^[^\\u0000]+$"),
};

const MODE: QueryParameter = QueryParameter {
    name: "mode",
    description: "upsert (default) inserts and replaces, create only inserts, update only replaces. A \
                  line that is not so fails alone.",
    takes: Takes::Words(&["upsert", "create", "update"]),
};

const IF_SEQ: RequestHeader = RequestHeader {
    name: IF_MATCH,
    description: "The seq that the document must have, in quotes: \"5\". Another one is \
                  condition_failed. * requires that there is one.",
    pattern: "^(\\*|\"[0-9]{1,18}\")$",
};

const INCLUDE: QueryParameter = QueryParameter {
    name: "include",
    description: "The parts to return, separated by commas: some of text, metadata and vector; \
                  text,metadata where absent.",
    takes: Takes::Pattern("^((text|metadata|vector)(,(text|metadata|vector))*)?$"),
};

const FORCE: QueryParameter = QueryParameter {
    name: "force",
    description: "true unloads the model also while collections use it: their texts are refused \
                  until it is loaded again. false (default) refuses that.",
    takes: Takes::Words(&["true", "false"]),
};

const KEY: RequestHeader = RequestHeader {
    name: IDEMPOTENCY_KEY,
    description: "1 to 255 visible ASCII characters. Ids that the node makes are the same for \
                  every request with the same key and the same documents.",
    pattern: "^[\\x21-\\x7e]{1,255}$",
};

const STATUS: QueryParameter = QueryParameter {
    name: "status",
    description: "The lines that the answer tells of: all (default), errors or none. The summary \
                  comes in any case.",
    takes: Takes::Words(&["all", "errors", "none"]),
};

const ID_FIELD: QueryParameter = QueryParameter {
    name: "id_field",
    description: "The field or column that holds the id, in place of id.",
    takes: Takes::Pattern("^[^\\u0000]*$"),
};

const TEXT_FIELD: QueryParameter = QueryParameter {
    name: "text_field",
    description: "The field or column that holds the text, in place of text.",
    takes: Takes::Pattern("^[^\\u0000]*$"),
};

const METADATA_FIELDS: QueryParameter = QueryParameter {
    name: "metadata",
    description: "The fields or columns that are metadata, with commas between them. With id_field or \
                  text_field, and of CSV, all others are where this is absent; * stands for them.",
    takes: Takes::Pattern("^[^\\u0000]*$"),
};

const IMPORT_KEY: RequestHeader = RequestHeader {
    name: IDEMPOTENCY_KEY,
    description: "1 to 255 visible ASCII characters. A line without an id gets one that is made of \
                  this key and the document, so that lines which come again with the same key, in \
                  any order, replace themselves. Without the header each gets a new id.",
    pattern: "^[\\x21-\\x7e]{1,255}$",
};

/// A route whose handler answers its method.
macro_rules! route {
    ($verb:ident $path:literal => $handler:path, $name:literal, $summary:literal) => {
        Route::new(Verb::$verb, $path, $name, $summary, || on(Verb::$verb.filter(), $handler))
    };
}

/// Every route of the REST door, in the order of the page: within a section of it, what makes something
/// comes before what needs it, and what takes it away comes last.
pub(crate) static ROUTES: &[Route] = &[
    route!(Get "/" => node::version, "version", "Which program answers, and of which version.")
        .exempt()
        .operation(Operation::Version)
        .answers::<VersionAnswer>(),
    route!(Get "/version" => node::version, "version_too", "The same.")
        .exempt()
        .operation(Operation::Version)
        .answers::<VersionAnswer>(),
    route!(Get "/health" => node::alive, "health", "Whether the process is alive.")
        .health()
        .answers::<AliveAnswer>(),
    route!(Get "/livez" => node::alive, "livez", "Whether the process is alive.")
        .health()
        .answers::<AliveAnswer>(),
    route!(Get "/readyz" => node::ready, "readyz", "Whether the node can serve.")
        .health()
        .answers_readiness::<ReadyAnswer>(),
    route!(Get "/metrics" => node::metrics, "metrics", "Metrics as Prometheus text.")
        .exempt()
        .operation(Operation::Metrics)
        .answers_text(),
    route!(Get "/openapi.json" => node::openapi, "openapi", "This description.")
        .exempt()
        .operation(Operation::Description),
    route!(Get "/docs" => docs_page::page, "docs", "A page to read this description and try it.")
        .exempt()
        .operation(Operation::Description)
        .answers_page(),
    route!(Post "/embed" => embed::embed, "embed", "Embed texts.")
        .operation(Operation::Embed)
        .body::<EmbedBody>()
        .answers::<EmbedAnswer>(),
    route!(Post "/v1/rerank" => embed::rerank,
        "rerank", "Order documents by how well they answer a query.")
        .operation(Operation::Rerank)
        .body::<RerankBody>()
        .answers::<RerankAnswer>(),
    route!(Post "/v1/embeddings" => openai::embeddings,
        "openai_embeddings", "Embed inputs, in OpenAI's shapes.")
        .operation(Operation::Embed)
        .openai()
        .body::<OpenAiEmbeddingsBody>()
        .answers::<OpenAiEmbeddingsAnswer>(),
    route!(Get "/v1/models" => openai::models,
        "openai_models", "List the loaded models, in OpenAI's shapes.")
        .operation(Operation::Models)
        .openai()
        .answers::<OpenAiModelListAnswer>(),
    route!(Get "/v1/models/{id}" => openai::model,
        "openai_model", "Describe a loaded model, in OpenAI's shapes.")
        .operation(Operation::Models)
        .openai()
        .answers::<OpenAiModelAnswer>(),
    route!(Post "/v1/collections" => collections::create,
        "create_collection", "Create a collection.")
        .operation(Operation::CreateCollection)
        .body::<CreateCollectionBody>()
        .creates::<CollectionAnswer>(),
    route!(Get "/v1/collections" => collections::list, "list_collections", "List all collections.")
        .operation(Operation::ListCollections)
        .answers::<CollectionListAnswer>(),
    route!(Post "/v1/aliases" => aliases::change,
        "change_aliases", "Create, switch and delete aliases, all in one step.")
        .operation(Operation::ChangeAliases)
        .body::<ChangeAliasesBody>()
        .answers::<AliasListAnswer>(),
    route!(Get "/v1/aliases" => aliases::list, "list_aliases", "List all aliases.")
        .operation(Operation::ListAliases)
        .answers::<AliasListAnswer>(),
    route!(Get "/v1/collections/{name}/aliases" => aliases::list_of_collection,
        "list_collection_aliases", "List the aliases of a collection.")
        .operation(Operation::ListAliases)
        .answers::<AliasListAnswer>(),
    route!(Post "/v1/collections/{name}/copy" => tasks::copy_collection,
        "copy_collection",
        "Begin to copy a collection, as it is at one moment. The copy is there when the task has succeeded.")
        .operation(Operation::CopyCollection)
        .body::<CopyCollectionBody>()
        .begins::<TaskAnswer>(),
    route!(Post "/v1/collections/{name}/reembed" => tasks::reembed_collection,
        "reembed_collection",
        "Begin to embed the texts of a vector field with another model, while it is written and searched. \
         When the task has succeeded, the new vectors are searched; those of before are kept.")
        .operation(Operation::ReembedCollection)
        .body::<ReembedCollectionBody>()
        .begins::<TaskAnswer>(),
    route!(Post "/v1/collections/{name}/drop-previous" => tasks::drop_previous,
        "drop_previous",
        "Drop the vectors that a vector field had before another model took over.")
        .operation(Operation::DropPrevious)
        .body::<DropPreviousBody>()
        .answers::<CollectionDeletedAnswer>(),
    route!(Put "/v1/collections/{name}/fields/{field}" => collections::put_field,
        "put_field",
        "The vector field of a name, added where there is none; one that is there must be equal. \
         Documents have no vector in a field that is new.")
        .operation(Operation::PutField)
        .body::<FieldBody>()
        .puts::<CollectionAnswer>(),
    route!(Post "/v1/collections/{name}/documents" => documents::upsert,
        "upsert", "Insert or replace documents, all or none.")
        .operation(Operation::Upsert)
        .headers(&[KEY, IF_SEQ])
        .conditional()
        .body::<UpsertBody>()
        .answers::<UpsertAnswer>(),
    route!(Patch "/v1/collections/{name}/documents" => documents::update_many,
        "update_documents",
        "Change the metadata of documents by a filter: up to `batch_documents` (10,000) all or none, \
         more in steps of 400.")
        .operation(Operation::PatchMetadata)
        .body::<UpdateBody>()
        .answers::<UpdateAnswer>(),
    route!(Post "/v1/collections/{name}/import" => import::import,
        "import",
        "Insert or replace documents of any number: a line of JSON each, or as application/json a \
         list, or as text/csv rows behind a header. A bad one fails alone.")
        .operation(Operation::Import)
        .query(&[STATUS, MODE, ID_FIELD, TEXT_FIELD, METADATA_FIELDS])
        .headers(&[IMPORT_KEY])
        .lines::<NewDocumentBody, ImportAnswer>(),
    route!(Get "/v1/collections/{name}/documents/{id}" => documents::get_one,
        "get_document", "Get a document.")
        .operation(Operation::Get)
        .query(&[TYPE, INCLUDE])
        .answers::<DocumentAnswer>(),
    route!(Patch "/v1/collections/{name}/documents/{id}" => documents::patch_one,
        "patch_document", "Change text, vector or metadata of a document; answers its new version.")
        .operation(Operation::PatchMetadata)
        .query(&[TYPE])
        .headers(&[IF_SEQ])
        .conditional()
        .body::<PatchDocumentBody>()
        .answers::<DocumentAnswer>(),
    route!(Delete "/v1/collections/{name}/documents/{id}" => documents::delete_one,
        "delete_document", "Delete a document.")
        .operation(Operation::Delete)
        .query(&[TYPE])
        .headers(&[IF_SEQ])
        .conditional()
        .answers::<DeleteAnswer>(),
    route!(Get "/v1/collections/{name}/document" => documents::get_one,
        "get_document_by_query", "Get a document, whose id stands in the query.")
        .operation(Operation::Get)
        .query(&[ID, TYPE, INCLUDE])
        .answers::<DocumentAnswer>(),
    route!(Patch "/v1/collections/{name}/document" => documents::patch_one,
        "patch_document_by_query",
        "Change a document, whose id stands in the query; answers its new version.")
        .operation(Operation::PatchMetadata)
        .query(&[ID, TYPE])
        .headers(&[IF_SEQ])
        .conditional()
        .body::<PatchDocumentBody>()
        .answers::<DocumentAnswer>(),
    route!(Delete "/v1/collections/{name}/document" => documents::delete_one,
        "delete_document_by_query", "Delete a document, whose id stands in the query.")
        .operation(Operation::Delete)
        .query(&[ID, TYPE])
        .headers(&[IF_SEQ])
        .conditional()
        .answers::<DeleteAnswer>(),
    route!(Post "/v1/collections/{name}/documents/get" => documents::get_many,
        "get_documents", "Get documents by ids or by a filter.")
        .operation(Operation::Get)
        .body::<GetBody>()
        .answers::<DocumentListAnswer>(),
    route!(Post "/v1/collections/{name}/documents/scroll" => documents::scroll,
        "scroll", "Read all documents, page by page.")
        .operation(Operation::Scroll)
        .body::<ScrollBody>()
        .answers::<ScrollAnswer>(),
    route!(Post "/v1/collections/{name}/documents/count" => documents::count,
        "count_documents", "Count documents.")
        .operation(Operation::Count)
        .body::<CountBody>()
        .answers::<CountAnswer>(),
    route!(Post "/v1/collections/{name}/documents/facets" => documents::facets,
        "count_facets", "Count documents by the values that they have.")
        .operation(Operation::Facets)
        .body::<FacetsBody>()
        .answers::<FacetsAnswer>(),
    route!(Post "/v1/collections/{name}/documents/delete" => documents::delete_many,
        "delete_documents",
        "Delete documents by ids, all or none, or by a filter: up to `batch_documents` (10,000) all or \
         none, more in steps of 400.")
        .operation(Operation::Delete)
        .body::<DeleteBody>()
        .answers::<DeleteAnswer>(),
    route!(Post "/v1/collections/{name}/search" => search::search,
        "search", "Find the nearest documents.")
        .operation(Operation::Search)
        .body::<SearchBody>()
        .answers::<SearchAnswer>(),
    route!(Post "/v1/collections/{name}/search/batch" => search::search_batch,
        "search_batch", "Do many searches in one call.")
        .operation(Operation::SearchBatch)
        .body::<SearchBatchBody>()
        .answers::<SearchBatchAnswer>(),
    route!(Put "/v1/collections/{name}" => collections::put,
        "put_collection",
        "The collection of a name, created where there is none; one that is there must be equal.")
        .operation(Operation::PutCollection)
        .body::<PutCollectionBody>()
        .puts::<CollectionAnswer>(),
    route!(Get "/v1/collections/{name}" => collections::describe,
        "describe_collection", "Describe a collection and its state.")
        .operation(Operation::DescribeCollection)
        .answers::<CollectionAnswer>(),
    route!(Patch "/v1/collections/{name}" => collections::update,
        "update_collection", "Change the settings of a collection, or its name.")
        .operation(Operation::UpdateCollection)
        .body::<UpdateCollectionBody>()
        .answers::<CollectionAnswer>(),
    route!(Delete "/v1/collections/{name}/fields/{field}" => collections::drop_field,
        "drop_field",
        "Drop a vector field with all vectors and texts in it. Documents stay.")
        .operation(Operation::DropField)
        .answers::<CollectionDeletedAnswer>(),
    route!(Delete "/v1/collections/{name}" => collections::delete,
        "delete_collection", "Delete a collection and all of its documents.")
        .operation(Operation::DeleteCollection)
        .answers::<CollectionDeletedAnswer>(),
    route!(Get "/v1/tasks" => tasks::list,
        "list_tasks", "List what goes on, and tasks that have ended, the newest first.")
        .operation(Operation::Tasks)
        .answers::<TaskListAnswer>(),
    route!(Get "/v1/tasks/{id}" => tasks::describe, "describe_task", "Describe a task.")
        .operation(Operation::Tasks)
        .answers::<TaskAnswer>(),
    route!(Post "/v1/tasks/{id}/cancel" => tasks::cancel,
        "cancel_task", "Cancel a task; answers when nothing is left of it.")
        .operation(Operation::CancelTask)
        .answers::<TaskAnswer>(),
    route!(Post "/v1/admin/backups" => backups::create,
        "create_backup",
        "Begin to write a backup of all collections as of one moment. It has the id of the task, and is \
         there when the task has succeeded.")
        .operation(Operation::BackUp)
        .begins::<TaskAnswer>(),
    route!(Get "/v1/admin/backups" => backups::list,
        "list_backups", "List the backups, the newest first.")
        .operation(Operation::Backups)
        .answers::<BackupListAnswer>(),
    route!(Get "/v1/admin/backups/{id}" => backups::describe,
        "describe_backup", "Describe a backup.")
        .operation(Operation::Backups)
        .answers::<BackupAnswer>(),
    route!(Delete "/v1/admin/backups/{id}" => backups::delete,
        "delete_backup", "Delete a backup.")
        .operation(Operation::DeleteBackup)
        .answers::<CollectionDeletedAnswer>(),
    route!(Get "/v1/admin/models" => models::list,
        "list_models", "List the models and their states.")
        .operation(Operation::Models)
        .answers::<ModelListAnswer>(),
    route!(Get "/v1/admin/models/{model}" => models::describe,
        "describe_model", "Describe a model and its state.")
        .operation(Operation::Models)
        .answers::<ModelAnswer>(),
    route!(Post "/v1/admin/models/{model}/unload" => models::unload,
        "unload_model", "Embed the texts that wait for a model, then give its memory back.")
        .operation(Operation::UnloadModel)
        .query(&[FORCE])
        .answers::<ModelAnswer>(),
    route!(Post "/v1/admin/models/{model}/load" => models::load,
        "load_model", "Begin to load a model; its state says how it goes on.")
        .operation(Operation::LoadModel)
        .begins::<ModelAnswer>(),
    route!(Get "/v1/admin/limits" => node::limits,
        "list_limits", "List what requests and clients are limited to, as the node was started.")
        .operation(Operation::Limits)
        .answers::<LimitListAnswer>(),
    route!(Get "/v1/admin/keys" => keys::list, "list_keys", "List the keys, without their secrets.")
        .operation(Operation::Keys)
        .answers::<KeyListAnswer>(),
    route!(Post "/v1/admin/keys/{id}/rotate" => keys::rotate,
        "rotate_key", "Give a key another secret.")
        .operation(Operation::RotateKey)
        .body::<RotateKeyBody>()
        .answers::<IssuedKeyAnswer>(),
    route!(Post "/v1/admin/keys/{id}/revoke" => keys::revoke,
        "revoke_key", "Revoke a key: the next request with it is refused.")
        .operation(Operation::RevokeKey)
        .answers::<KeyAnswer>(),
    route!(Post "/v1/admin/keys" => keys::create,
        "create_key",
        "Make a key. From the first one on every request needs a key, so the first one must be of the \
         role admin and reach every collection.")
        .operation(Operation::CreateKey)
        .body::<NewKeyBody>()
        .creates::<IssuedKeyAnswer>(),
];

/// Where one document is found, whatever its id.
const DOCUMENT: &str = "/v1/collections/{name}/documents/{id}";

/// The router of the REST door.
pub fn router(service: Service, options: RestOptions) -> Router {
    let metrics = service.door_metrics();
    let state = RestState::new(service, options);
    let mut router = Router::new();
    for route in ROUTES {
        router = router.route(route.path, admitted(route, &state));
        if route.path == DOCUMENT {
            for path in paths_beside_document() {
                router = router.route(path, admitted(route, &state));
            }
        }
    }
    let router = docs_page::with_assets(router)
        .fallback(fallback::no_such_route)
        .method_not_allowed_fallback(fallback::no_such_method);
    let arrive = from_fn_with_state(state.service.clone(), arrive);
    let router = catching_panics(router).layer(arrive);
    compressing(enveloped(router, metrics)).with_state(state)
}

/// Each method and path that the door answers, and what of the service it asks for, which says who may.
/// Parts of paths that are the request's own stand in braces.
pub fn operations() -> impl Iterator<Item = (Method, &'static str, Operation)> {
    let routes = ROUTES.iter().map(|route| (route.verb.method(), route.path, route.operation));
    let assets = docs_page::assets().map(|path| (Method::GET, path, Operation::Description));
    routes.chain(assets)
}

/// What a request asks for, by the route that it matched, which says who may: `None` of a route that is
/// not in the table, which nobody may ask for.
pub(crate) fn operation_of(method: &Method, path: Option<&str>) -> Option<Operation> {
    let Some(path) = path else { return Some(Operation::Unknown) };
    if docs_page::assets().any(|asset| asset == path) {
        return Some(Operation::Description);
    }
    // The router answers HEAD with the route of GET.
    let method = if method == Method::HEAD { &Method::GET } else { method };
    let answering =
        |path: &str| ROUTES.iter().find(|route| route.path == path && route.verb.is(method));
    let is_word = || paths_beside_document().any(|beside| beside == path);
    let route = answering(path).or_else(|| answering(DOCUMENT).filter(|_| is_word()));
    match route {
        Some(route) => Some(route.operation),
        // Of another method than those that it answers.
        None => ROUTES.iter().any(|route| route.path == path).then_some(Operation::Unknown),
    }
}

/// How the route of a path writes its errors.
pub(crate) fn error_shape(path: &str) -> ErrorShape {
    let route = ROUTES.iter().find(|route| route.path == path);
    route.map_or(ErrorShape::Own, |route| route.errors)
}

fn admitted(route: &'static Route, state: &RestState) -> MethodRouter<RestState> {
    if route.exempt {
        return (route.handler)();
    }
    (route.handler)().route_layer(from_fn_with_state((state.clone(), route), admit))
}

/// The routes that would hide a document of the id `count`: they also answer for it.
fn paths_beside_document() -> impl Iterator<Item = &'static str> {
    let parent = DOCUMENT.trim_end_matches("{id}");
    let paths = ROUTES.iter().map(|route| route.path).filter(|path| *path != DOCUMENT);
    paths.filter(move |path| {
        path.strip_prefix(parent).is_some_and(|rest| !rest.contains(['/', '{']))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_unique_and_ids_that_are_words_are_reachable() {
        for (index, route) in ROUTES.iter().enumerate() {
            let earlier = &ROUTES[..index];
            let same = earlier.iter().find(|earlier| {
                (earlier.path, earlier.verb) == (route.path, route.verb)
                    || earlier.name == route.name
            });
            assert!(same.is_none(), "{}", route.name);
        }
        let words: Vec<_> =
            paths_beside_document().filter_map(|path| path.rsplit('/').next()).collect();
        assert_eq!(words, ["get", "scroll", "count", "facets", "delete"]);
    }
}
