//! Documents in the order in which they answer a query, in the shape that Cohere and Jina share.

use std::fmt;

use akidb_service::{Rerank, RerankReply, Reranked};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error, MapAccess, Visitor, value::MapAccessDeserializer},
};
use utoipa::{
    ToSchema,
    openapi::{
        Ref, RefOr, Schema,
        schema::{ObjectBuilder, OneOfBuilder, Type},
    },
};

use super::{List, milliseconds};

/// A query and the documents that may answer it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RerankRequest, example = json!({
    "model": "ms-marco-minilm-l6-v2",
    "query": "Which boat is the fastest?",
    "documents": ["A boat on a lake", {"text": "A hydrofoil flies over the water at 60 knots"}],
    "top_n": 1,
    "return_documents": true
}))]
pub(crate) struct RerankBody {
    /// A re-ranker that is loaded. Needed.
    model: Option<String>,
    /// What the documents are to answer.
    query: String,
    /// At least one, at most `rerank_documents` (1,000): texts, or objects with a `text`. Each is read
    /// beside the query; where both are longer than the model's window, the longer one gives way.
    #[schema(value_type = Vec<RerankDocument>, min_items = 1, max_items = 1_000)]
    documents: List<RerankDocument>,
    /// How many of the best are wanted; all where absent.
    #[schema(minimum = 1)]
    top_n: Option<u64>,
    /// Whether the texts of these come back with their scores; `false` where absent.
    return_documents: Option<bool>,
}

/// A text, as it is or in an object.
#[derive(Debug)]
struct RerankDocument(String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RerankDocumentObject {
    text: String,
}

impl<'de> Deserialize<'de> for RerankDocument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RerankDocumentVisitor)
    }
}

struct RerankDocumentVisitor;

impl<'de> Visitor<'de> for RerankDocumentVisitor {
    type Value = RerankDocument;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, or an object with a text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<RerankDocument, E> {
        Ok(RerankDocument(text.to_owned()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<RerankDocument, E> {
        Ok(RerankDocument(text))
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<RerankDocument, A::Error> {
        let object = RerankDocumentObject::deserialize(MapAccessDeserializer::new(members))?;
        Ok(RerankDocument(object.text))
    }
}

impl utoipa::PartialSchema for RerankDocument {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String);
        let object = Ref::from_schema_name("RerankedDocument");
        RefOr::T(OneOfBuilder::new().item(text).item(object).build().into())
    }
}

impl ToSchema for RerankDocument {}

impl RerankBody {
    /// The service's request.
    pub(crate) fn into_request(self) -> Rerank {
        Rerank {
            model: self.model,
            query: self.query,
            documents: self.documents.0.into_iter().map(|document| document.0).collect(),
            top_n: self.top_n,
            return_documents: self.return_documents.unwrap_or(false),
        }
    }
}

/// The best documents for a query.
#[derive(Serialize, ToSchema)]
#[schema(as = RerankReply, example = json!({
    "model": "ms-marco-minilm-l6-v2",
    "results": [{
        "index": 1, "relevance_score": 0.9713, "logit": 3.521,
        "document": {"text": "A hydrofoil flies over the water at 60 knots"}
    }],
    "usage": {"total_tokens": 37, "unknown_tokens": 0, "duration_ms": 8.215},
    "truncated": []
}))]
pub(crate) struct RerankAnswer {
    /// The model that scored them.
    model: String,
    /// Best first; of equal ones in the order of the request.
    results: Vec<RerankedAnswer>,
    usage: RerankUsageAnswer,
    /// Indices of the documents that were not read whole with the query, because both are longer
    /// than the model's window.
    truncated: Vec<u32>,
}

/// A document with its score.
#[derive(Serialize, ToSchema)]
#[schema(as = RerankResult)]
struct RerankedAnswer {
    /// Its place in the request, from 0.
    index: usize,
    /// How well it answers the query, as the model's own files say: the sigmoid of the logit, from 0 to
    /// 1, or the logit itself.
    relevance_score: f32,
    /// What the model gave, before it was made a score. Any finite number.
    logit: f32,
    /// Its text, where `return_documents` asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<RerankedDocumentAnswer>,
}

/// The text of a document.
#[derive(Serialize, ToSchema)]
#[schema(as = RerankedDocument)]
struct RerankedDocumentAnswer {
    text: String,
}

/// What a request used.
#[derive(Serialize, ToSchema)]
#[schema(as = RerankUsage)]
struct RerankUsageAnswer {
    /// Tokens of all pairs that were read, special tokens included; the query counts in each.
    total_tokens: u64,
    /// Those of them that stand for something the model does not know.
    unknown_tokens: u64,
    /// From admission to reply.
    duration_ms: f64,
}

impl From<Reranked> for RerankedAnswer {
    fn from(Reranked { index, score, logit, document }: Reranked) -> Self {
        let document = document.map(|text| RerankedDocumentAnswer { text });
        Self { index, relevance_score: score, logit, document }
    }
}

impl From<RerankReply> for RerankAnswer {
    fn from(reply: RerankReply) -> Self {
        Self {
            model: reply.model,
            results: reply.results.into_iter().map(RerankedAnswer::from).collect(),
            usage: RerankUsageAnswer {
                total_tokens: reply.total_tokens,
                unknown_tokens: reply.unknown_tokens,
                duration_ms: milliseconds(reply.took),
            },
            truncated: reply.truncated,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_texts_or_objects_with_one() {
        let body = r#"{"query": "q", "documents": ["a", {"text": "b"}, "\u00e9"]}"#;
        let body: RerankBody = serde_json::from_str(body).unwrap();
        assert_eq!(body.into_request().documents, ["a", "b", "é"]);
        for wrong in ["1", "null", "[\"a\"]", "{}", r#"{"text": 1}"#, r#"{"text": "a", "id": 1}"#] {
            let body = format!(r#"{{"query": "q", "documents": [{wrong}]}}"#);
            assert!(serde_json::from_str::<RerankBody>(&body).is_err(), "{wrong}");
        }
    }
}
