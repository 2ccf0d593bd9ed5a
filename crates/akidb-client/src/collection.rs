//! What can be done with one collection.

use std::io;

use bytes::Bytes;
use futures::Stream;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    Client, CollectionDescription, CollectionUpdate, Deleted, Document, Documents, Facet, Facets,
    GetDocuments, Hits, Id, Import, ImportAnswers, NewDocument, NewField, Part, Patch, Request,
    RequestError, Search, Updated, Upserted, import::lines,
};

/// A collection of a node, see [`Client::collection`].
///
/// Every method fails with the node's own error, such as `collection_not_found`, or where there is no
/// answer.
#[derive(Clone, Copy, Debug)]
pub struct Collection<'a> {
    client: &'a Client,
    name: &'a str,
}

#[derive(Serialize)]
struct Upsert<'a> {
    documents: &'a [NewDocument],
}

#[derive(Deserialize)]
struct Count {
    count: u64,
}

#[derive(Deserialize)]
struct Batch {
    results: Vec<Hits>,
}

impl<'a> Collection<'a> {
    pub(crate) const fn new(client: &'a Client, name: &'a str) -> Self {
        Self { client, name }
    }

    pub(crate) const fn client(&self) -> &'a Client {
        self.client
    }

    pub(crate) const fn name(&self) -> &'a str {
        self.name
    }

    /// Its settings and its state now.
    pub async fn describe(&self) -> Result<CollectionDescription, RequestError> {
        self.client.send(Request::get(&self.path(&[]))).await
    }

    /// Gives it another name. This one is of its old name then: ask for the new one.
    pub async fn rename(&self, name: &str) -> Result<CollectionDescription, RequestError> {
        let update =
            CollectionUpdate { name: Some(name.to_owned()), ..CollectionUpdate::default() };
        self.client.send(Request::patch(&self.path(&[])).json(&update)).await
    }

    /// Changes its settings, or its name.
    pub async fn update(
        &self,
        update: &CollectionUpdate,
    ) -> Result<CollectionDescription, RequestError> {
        let request = Request::patch(&self.path(&[])).json(update);
        // A second renaming would not find it.
        let request = if update.name.is_none() { request.repeatable() } else { request };
        self.client.send(request).await
    }

    /// Its vector field of this name, which is added where there is none: documents have no vector in it
    /// then. One that is there must be what would be added.
    pub async fn put_field(
        &self,
        name: &str,
        field: &NewField,
    ) -> Result<CollectionDescription, RequestError> {
        self.client.send(Request::put(&self.path(&["fields", name])).json(field)).await
    }

    /// Drops a vector field, with all vectors and texts in it. Documents stay.
    pub async fn drop_field(&self, name: &str) -> Result<(), RequestError> {
        self.client.send::<Value>(Request::delete(&self.path(&["fields", name]))).await.map(drop)
    }

    /// Drops it, with all that is in it.
    pub async fn drop(&self) -> Result<(), RequestError> {
        self.client.send::<Value>(Request::delete(&self.path(&[]))).await.map(drop)
    }

    /// Inserts or replaces documents, all or none.
    ///
    /// Sent again by itself where each document has an id and no `if_seq`: the second of two such
    /// writes changes nothing.
    pub async fn upsert(&self, documents: &[NewDocument]) -> Result<Upserted, RequestError> {
        let repeatable =
            |document: &NewDocument| document.id.is_some() && document.if_seq.is_none();
        let request = Request::post(&self.path(&["documents"])).json(&Upsert { documents });
        let repeatable = documents.iter().all(repeatable);
        self.client.send(if repeatable { request.repeatable() } else { request }).await
    }

    /// Inserts or replaces documents of any number, each for itself, as fast as the node takes them.
    /// The answers must be read while the documents are sent.
    pub async fn import(
        &self,
        import: &Import,
        documents: impl Stream<Item = NewDocument> + Send + Sync + 'static,
    ) -> Result<ImportAnswers, RequestError> {
        self.import_raw(import, "application/x-ndjson", lines(documents)).await
    }

    /// The same for a body as it is: `application/x-ndjson`, `application/json` (a list) or
    /// `text/csv` (rows behind a header).
    pub async fn import_raw(
        &self,
        import: &Import,
        content_type: &str,
        body: impl Stream<Item = io::Result<Bytes>> + Send + Sync + 'static,
    ) -> Result<ImportAnswers, RequestError> {
        let request = Request::post(&self.path(&["import"]));
        let request =
            import.query().fold(request, |request, (name, value)| request.query(name, value));
        let request = match &import.key {
            Some(key) => request.header("idempotency-key", key),
            None => request,
        };
        self.client.upload(request, content_type, body).await.map(ImportAnswers::new)
    }

    /// A document with these parts.
    pub async fn get(&self, id: &Id, parts: &[Part]) -> Result<Document, RequestError> {
        let parts: Vec<&str> = parts.iter().map(|part| part.as_str()).collect();
        self.client.send(self.one(Method::GET, id).query("include", &parts.join(","))).await
    }

    /// Documents with these parts, in the order of the ids; those that are not stored are left out.
    pub async fn get_many(&self, ids: &[Id], parts: &[Part]) -> Result<Documents, RequestError> {
        let body = json!({"ids": ids, "include": parts});
        self.client.send(self.read(&["documents", "get"]).json(&body)).await
    }

    /// A page of documents.
    pub async fn scroll(&self, page: &GetDocuments) -> Result<Documents, RequestError> {
        self.client.send(self.read(&["documents", "scroll"]).json(page)).await
    }

    /// How many documents match a filter, or how many there are.
    pub async fn count(&self, filter: Option<&Value>) -> Result<u64, RequestError> {
        let body = filter.map_or_else(|| json!({}), |filter| json!({"filter": filter}));
        let request = self.read(&["documents", "count"]).json(&body);
        Ok(self.client.send::<Count>(request).await?.count)
    }

    /// How many of the documents that match a filter, or of all, have which values.
    pub async fn facets(
        &self,
        facets: &[Facet],
        filter: Option<&Value>,
    ) -> Result<Facets, RequestError> {
        let body = match filter {
            Some(filter) => json!({"facets": facets, "filter": filter}),
            None => json!({"facets": facets}),
        };
        self.client.send(self.read(&["documents", "facets"]).json(&body)).await
    }

    /// Changes a document; answers its new version.
    pub async fn patch(&self, id: &Id, patch: &Patch) -> Result<Document, RequestError> {
        self.client.send(self.one(Method::PATCH, id).json(patch)).await
    }

    /// Changes the metadata of documents that match a filter, with a merge patch (RFC 7396).
    pub async fn patch_matching(
        &self,
        filter: &Value,
        metadata: &Value,
    ) -> Result<Updated, RequestError> {
        let body = json!({"filter": filter, "metadata": metadata});
        self.client.send(Request::patch(&self.path(&["documents"])).json(&body)).await
    }

    /// Deletes a document, where it has this `seq` if one is given.
    pub async fn delete(&self, id: &Id, if_seq: Option<u64>) -> Result<Deleted, RequestError> {
        let request = self.one(Method::DELETE, id);
        self.client.send(if_seq.into_iter().fold(request, Request::if_seq)).await
    }

    /// Deletes documents; ids that are not stored are passed over.
    pub async fn delete_many(&self, ids: &[Id]) -> Result<Deleted, RequestError> {
        self.delete_which(&json!({"ids": ids})).await
    }

    /// Deletes documents that match a filter. One that is empty is refused.
    pub async fn delete_matching(&self, filter: &Value) -> Result<Deleted, RequestError> {
        self.delete_which(&json!({"filter": filter})).await
    }

    /// Deletes all documents.
    pub async fn delete_all(&self) -> Result<Deleted, RequestError> {
        self.delete_which(&json!({"all": true})).await
    }

    /// The nearest documents.
    pub async fn search(&self, search: &Search) -> Result<Hits, RequestError> {
        self.client.send(self.read(&["search"]).json(search)).await
    }

    /// Many searches at once; one answer each, in their order.
    pub async fn search_batch(&self, searches: &[Search]) -> Result<Vec<Hits>, RequestError> {
        let request = self.read(&["search", "batch"]).json(&json!({"searches": searches}));
        Ok(self.client.send::<Batch>(request).await?.results)
    }

    async fn delete_which(&self, which: &Value) -> Result<Deleted, RequestError> {
        self.client.send(Request::post(&self.path(&["documents", "delete"])).json(which)).await
    }

    fn read(&self, route: &[&str]) -> Request {
        Request::post(&self.path(route)).repeatable()
    }

    /// A request about one document. Its id stands in the query, where it may be `.` too.
    fn one(&self, method: Method, id: &Id) -> Request {
        let request = Request::new(method, &self.path(&["document"]));
        request.query("id", &id.to_string()).query("type", id.kind())
    }

    fn path<'p>(&'p self, route: &[&'p str]) -> Vec<&'p str> {
        ["v1", "collections", self.name].into_iter().chain(route.iter().copied()).collect()
    }
}
