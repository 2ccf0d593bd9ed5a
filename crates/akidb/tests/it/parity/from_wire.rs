//! From the messages of gRPC to JSON as REST writes it.

use akidb_proto::{
    admin::v1 as admin_wire,
    collection::v1::{self as wire, document_id, value::Kind},
    embedding::v1 as embedding_wire,
};
use serde_json::{Map, Value, json};

/// As REST writes a float: with as few digits as name it.
fn single(value: f32) -> Value {
    serde_json::from_str(&serde_json::to_string(&value).unwrap()).unwrap()
}

fn numbers(values: Vec<f32>) -> Value {
    values.into_iter().map(single).collect()
}

/// An object without the members that are absent.
fn object<const N: usize>(members: [(&str, Option<Value>); N]) -> Value {
    let members = members.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Value::Object(members.collect())
}

pub(crate) fn json_object(given: wire::Struct) -> Value {
    let members = given.fields.into_iter();
    let members = members.map(|member| (member.key, json_value(member.value.unwrap())));
    Value::Object(members.collect::<Map<_, _>>())
}

fn json_value(given: wire::Value) -> Value {
    match given.kind.unwrap() {
        Kind::NullValue(_) => Value::Null,
        Kind::BoolValue(value) => value.into(),
        Kind::Int64Value(value) => value.into(),
        Kind::Uint64Value(value) => {
            assert!(i64::try_from(value).is_err(), "{value} fits the other kind");
            value.into()
        }
        Kind::DoubleValue(value) => value.into(),
        Kind::StringValue(value) => value.into(),
        Kind::ListValue(list) => list.values.into_iter().map(json_value).collect(),
        Kind::StructValue(object) => json_object(object),
    }
}

fn id(given: Option<wire::DocumentId>) -> Value {
    match given.unwrap().kind.unwrap() {
        document_id::Kind::Text(id) => id.into(),
        document_id::Kind::Integer(id) => id.into(),
        document_id::Kind::Either(_) => panic!("never sent"),
    }
}

pub(crate) fn document(given: wire::Document) -> Value {
    let mut texts = Map::new();
    let mut vectors = Map::new();
    let mut field_passages = Map::new();
    for (name, field) in given.fields {
        texts.extend(field.text.map(|text| (name.clone(), text.into())));
        vectors.extend(field.vector.map(|vector| (name.clone(), numbers(vector.values))));
        field_passages.extend(passages(field.passages).map(|passages| (name, passages)));
    }
    let named = |members: Map<String, Value>| (!members.is_empty()).then(|| members.into());
    object([
        ("texts", named(texts)),
        ("vectors", named(vectors)),
        ("field_passages", named(field_passages)),
        ("id", Some(id(given.id))),
        ("text", given.text.map(Value::from)),
        ("metadata", given.metadata.map(json_object)),
        ("expires_at", given.expires_at.map(Value::from)),
        ("vector", given.vector.map(|vector| numbers(vector.values))),
        ("passages", passages(given.passages)),
        ("seq", Some(given.seq.into())),
    ])
}

fn passages(given: Vec<wire::Passage>) -> Option<Value> {
    let passages: Vec<Value> = given.into_iter().map(passage).collect();
    (!passages.is_empty()).then_some(passages.into())
}

fn passage(given: wire::Passage) -> Value {
    object([
        ("start", Some(given.start.into())),
        ("end", Some(given.end.into())),
        ("vector", given.vector.map(|vector| numbers(vector.values))),
        ("text", given.text.map(Value::from)),
    ])
}

fn documents(given: Vec<wire::Document>) -> Value {
    given.into_iter().map(document).collect()
}

fn damaged(given: Vec<wire::DamagedDocument>) -> Option<Value> {
    let damaged = given.into_iter().map(|given| {
        object([("id", given.id.map(|given| id(Some(given)))), ("seq", given.seq.map(Value::from))])
    });
    let damaged: Vec<Value> = damaged.collect();
    (!damaged.is_empty()).then_some(damaged.into())
}

pub(crate) fn page(given: wire::ScrollDocumentsResponse) -> Value {
    let page = object([
        ("documents", Some(documents(given.documents))),
        ("damaged", damaged(given.damaged)),
        ("next_cursor", given.next_cursor.map(Value::from)),
    ]);
    with_unknown_fields(page, given.unknown_fields)
}

pub(crate) fn got(given: wire::GetDocumentsResponse) -> Value {
    page(wire::ScrollDocumentsResponse {
        documents: given.documents,
        damaged: given.damaged,
        next_cursor: given.next_cursor,
        unknown_fields: given.unknown_fields,
    })
}

pub(crate) fn facets(given: wire::FacetsResponse) -> Value {
    let facets = given.facets.into_iter().map(facet).collect::<Vec<_>>();
    with_unknown_fields(json!({"count": given.count, "facets": facets}), given.unknown_fields)
}

fn facet(given: wire::FacetResult) -> Value {
    use wire::facet_result::Listed;
    let (mut values, mut ranges) = (None, None);
    match given.listed.unwrap() {
        Listed::Values(listed) => {
            let listed = listed.values.into_iter();
            let listed =
                listed.map(|it| json!({"value": json_value(it.value.unwrap()), "count": it.count}));
            values = Some(listed.collect());
        }
        Listed::Ranges(listed) => {
            let listed = listed.ranges.into_iter().map(|it| {
                object([
                    ("from", it.from.map(json_value)),
                    ("to", it.to.map(json_value)),
                    ("count", Some(it.count.into())),
                ])
            });
            ranges = Some(listed.collect());
        }
    }
    object([
        ("field", Some(given.field.into())),
        ("values", values),
        ("ranges", ranges),
        ("distinct", Some(given.distinct.into())),
        ("other", Some(given.other.into())),
        ("truncated", Some(given.truncated.into())),
        ("missing", Some(given.missing.into())),
    ])
}

/// REST says nothing where there are none.
pub(crate) fn with_unknown_fields(mut answer: Value, unknown: Vec<String>) -> Value {
    if !unknown.is_empty() {
        answer["unknown_fields"] = unknown.into();
    }
    answer
}

pub(crate) fn found(given: wire::SearchResult) -> Value {
    let groups = given.groups.map(|given| {
        let groups = given.groups.into_iter();
        groups
            .map(|it| json!({"value": json_value(it.value.unwrap()), "hits": hits(it.hits)}))
            .collect()
    });
    let found = object([
        ("hits", Some(hits(given.hits))),
        ("groups", groups),
        ("took_ms", Some(given.took_ms.into())),
        ("degraded", given.degraded.then_some(true.into())),
        ("damaged", damaged(given.damaged)),
        ("unsearchable", (given.unsearchable > 0).then(|| given.unsearchable.into())),
        ("plan", given.plan.map(plan)),
        ("unknown_tokens", given.unknown_tokens.map(Value::from)),
    ]);
    with_unknown_fields(found, given.unknown_fields)
}

fn hits(given: Vec<wire::Hit>) -> Value {
    let hits = given.into_iter().map(|hit| {
        let mut found = document(hit.document.unwrap());
        let members = found.as_object_mut().unwrap();
        // REST's hits have none.
        members.shift_remove("seq");
        members.insert("score".to_owned(), single(hit.score));
        if let Some(parts) = hit.parts {
            members.insert("parts".to_owned(), score_parts(parts));
        }
        if let Some(best) = hit.best_passages {
            let best = best.passages.into_iter().map(best_passage).collect();
            members.insert("best_passages".to_owned(), best);
        }
        if let Some(found) = hit.highlights {
            let highlights = [
                ("ranges", Some(ranges(found.ranges))),
                ("total", Some(found.total.into())),
                ("snippet", found.snippet.map(passage)),
            ];
            members.insert("highlights".to_owned(), object(highlights));
        }
        if let Some(found) = hit.passage {
            members.insert("passage".to_owned(), passage(found));
        }
        found
    });
    hits.collect()
}

fn score_parts(parts: wire::ScoreParts) -> Value {
    object([
        ("semantic", parts.semantic.map(single)),
        ("keyword", parts.keyword.map(single)),
        ("rerank", parts.rerank.map(single)),
    ])
}

fn best_passage(given: wire::BestPassage) -> Value {
    let mut found = passage(given.passage.unwrap());
    let members = found.as_object_mut().unwrap();
    members.insert("score".to_owned(), single(given.score));
    members.extend(given.parts.map(|parts| ("parts".to_owned(), score_parts(parts))));
    members.extend(given.context.map(|context| ("context".to_owned(), passage(context))));
    if !given.highlights.is_empty() {
        members.insert("highlights".to_owned(), ranges(given.highlights));
    }
    found
}

fn ranges(given: Vec<wire::CharacterRange>) -> Value {
    let ranges = given.into_iter().map(|range| json!({"start": range.start, "end": range.end}));
    ranges.collect()
}

fn plan(given: wire::SearchPlan) -> Value {
    let strategy = match given.strategy() {
        wire::SearchStrategy::Scan => Some("scan"),
        wire::SearchStrategy::Graph => Some("graph"),
        wire::SearchStrategy::GraphThenScan => Some("graph_then_scan"),
        wire::SearchStrategy::Unspecified => None,
    };
    object([
        ("strategy", strategy.map(Value::from)),
        ("ef", given.ef.map(Value::from)),
        ("matching", given.matching.map(Value::from)),
        ("vectors", Some(given.vectors.into())),
        ("candidates", given.candidates.map(Value::from)),
        ("hops", Some(given.hops.into())),
        ("compared", Some(given.compared.into())),
        ("rescored", Some(given.rescored.into())),
        ("filter_ms", Some(given.filter_ms.into())),
        ("index_ms", Some(given.index_ms.into())),
        ("keyword_ms", given.keyword_ms.map(Value::from)),
        ("fetch_ms", Some(given.fetch_ms.into())),
        ("passages", given.passages.map(Value::from)),
        ("shown_ms", given.shown_ms.map(Value::from)),
        ("reranked", given.reranked.map(Value::from)),
        ("rerank_ms", given.rerank_ms.map(Value::from)),
    ])
}

pub(crate) fn upserted(given: wire::UpsertDocumentsResponse) -> Value {
    let results = given.results.into_iter().map(|result| {
        let status = match result.status() {
            wire::UpsertStatus::Created => "created",
            wire::UpsertStatus::Updated => "updated",
            wire::UpsertStatus::Unspecified => panic!("never sent"),
        };
        object([
            ("id", Some(id(result.id))),
            ("status", Some(status.into())),
            ("tokens", result.tokens.map(Value::from)),
            ("truncated", result.truncated.map(Value::from)),
            ("unknown_tokens", result.unknown_tokens.map(Value::from)),
            ("passages", result.passages.map(Value::from)),
            ("seq", Some(result.seq.into())),
        ])
    });
    json!({"results": results.collect::<Vec<_>>(), "took_ms": given.took_ms})
}

pub(crate) fn embedded(given: embedding_wire::EmbedResponse) -> Value {
    let usage = given.usage.unwrap();
    let embeddings = given.embeddings.into_iter();
    let embeddings = embeddings.map(|embedding| json!({"values": numbers(embedding.values)}));
    json!({
        "embeddings": embeddings.collect::<Vec<_>>(),
        "model": given.model,
        "dimension": given.dimension,
        "usage": {"total_tokens": usage.total_tokens, "unknown_tokens": usage.unknown_tokens,
            "duration_ms": usage.duration_ms},
        "truncated": given.truncated,
    })
}

pub(crate) fn reranked(given: embedding_wire::RerankResponse) -> Value {
    let usage = given.usage.unwrap();
    let results = given.results.into_iter().map(|result| {
        object([
            ("index", Some(result.index.into())),
            ("relevance_score", Some(single(result.relevance_score))),
            ("logit", Some(single(result.logit))),
            ("document", result.document.map(|text| json!({"text": text}))),
        ])
    });
    json!({
        "model": given.model,
        "results": results.collect::<Vec<_>>(),
        "usage": {"total_tokens": usage.total_tokens, "unknown_tokens": usage.unknown_tokens,
            "duration_ms": usage.duration_ms},
        "truncated": given.truncated,
    })
}

fn metric(given: wire::Metric) -> &'static str {
    match given {
        wire::Metric::Cosine => "cosine",
        wire::Metric::Dot => "dot",
        wire::Metric::L2 => "l2",
        wire::Metric::Unspecified => panic!("never sent"),
    }
}

fn chunking(given: Option<wire::Chunking>) -> Option<Value> {
    given.map(|cut| json!({"tokens": cut.tokens, "overlap": cut.overlap}))
}

pub(crate) fn summary(given: wire::CollectionSummary) -> Value {
    // Those of the field without a name, where there is one.
    let has_unnamed = given.index.is_some();
    let metric = has_unnamed.then(|| metric(given.metric()).into());
    let fields = given.fields.into_iter().map(|(name, field)| (name, field_summary(field)));
    let fields: Map<String, Value> = fields.collect();
    object([
        ("name", Some(given.name.into())),
        ("aliases", (!given.aliases.is_empty()).then(|| given.aliases.into())),
        ("description", given.description.map(Value::from)),
        ("model", given.model.map(identity)),
        ("dimension", has_unnamed.then(|| given.dimension.into())),
        ("metric", metric),
        ("chunking", chunking(given.chunking)),
        ("language", Some(given.language.into())),
        ("keyword", given.keyword.map(|keyword| json!({"weights": keyword.weights}))),
        ("ttl_seconds", given.ttl_seconds.map(Value::from)),
        ("created_unix_ms", Some(given.created_unix_ms.into())),
        ("index", given.index.map(index_settings)),
        ("fields", (!fields.is_empty()).then(|| fields.into())),
    ])
}

fn field_summary(given: wire::FieldSummary) -> Value {
    object([
        ("metric", Some(metric(given.metric()).into())),
        ("model", given.model.map(identity)),
        ("dimension", Some(given.dimension.into())),
        ("chunking", chunking(given.chunking)),
        ("index", given.index.map(index_settings)),
    ])
}

fn index_settings(given: wire::IndexSettings) -> Value {
    object([
        ("engine", given.engine.map(Value::from)),
        ("m", given.m.map(Value::from)),
        ("ef_construction", given.ef_construction.map(Value::from)),
        ("ef", given.ef.map(Value::from)),
        ("quantization", given.quantization.map(Value::from)),
    ])
}

pub(crate) fn backup(given: admin_wire::Backup) -> Value {
    let collections = given.collections.into_iter().map(|of| {
        json!({
            "uuid": of.uuid, "name": of.name, "document_count": of.document_count, "bytes": of.bytes,
        })
    });
    let mut backup = json!({
        "id": given.id, "created_unix_ms": given.created_unix_ms, "version": given.version,
        "bytes": given.bytes, "collections": collections.collect::<Vec<_>>(),
    });
    if let Some(fault) = given.fault {
        backup["fault"] = fault.into();
    }
    backup
}

pub(crate) fn task(given: Option<wire::Task>) -> Value {
    let given = given.unwrap();
    let word = |name: &str| Value::from(name.rsplit_once("_").unwrap().1.to_lowercase());
    object([
        ("kind", Some(word(given.kind().as_str_name()))),
        ("state", Some(word(given.state().as_str_name()))),
        ("id", Some(given.id.into())),
        ("progress", Some(given.progress.into())),
        ("collection", given.collection.map(Value::from)),
        ("to", given.to.map(Value::from)),
        ("field", given.field.map(Value::from)),
        ("model", given.model.map(Value::from)),
        ("overlap", given.overlap.map(Value::from)),
        ("error", given.error.map(|it| json!({"code": it.code, "message": it.message}))),
        ("created_unix_ms", given.created_unix_ms.map(Value::from)),
        ("ended_unix_ms", given.ended_unix_ms.map(Value::from)),
    ])
}

pub(crate) fn aliases(given: Vec<wire::Alias>) -> Value {
    let aliases = given.into_iter();
    let aliases: Vec<_> = aliases
        .map(|wire::Alias { alias, collection }| json!({"alias": alias, "collection": collection}))
        .collect();
    json!({"aliases": aliases})
}

pub(crate) fn described(given: Option<wire::CollectionDescription>) -> Value {
    let given = given.unwrap();
    let mut described = summary(given.summary.unwrap());
    let lost = given.lost_writes.iter();
    let lost = lost.map(|lost| json!({"first_seq": lost.first_seq, "last_seq": lost.last_seq}));
    described["document_count"] = given.document_count.into();
    described["last_seq"] = given.last_seq.into();
    described["disk_bytes"] = given.disk_bytes.into();
    if let Some(status) = given.index_status {
        let counts = (given.index_vector_count, given.index_memory_bytes);
        add_status(&mut described["index"], counts, &status);
    }
    for (name, field) in given.fields {
        let counts = (field.index_vector_count, field.index_memory_bytes);
        let status = field.index_status.unwrap();
        add_status(&mut described["fields"][name]["index"], counts, &status);
    }
    described["lost_writes"] = lost.collect::<Vec<_>>().into();
    described
}

fn add_status(index: &mut Value, (vectors, memory): (u64, u64), status: &wire::IndexStatus) {
    index["vector_count"] = vectors.into();
    index["memory_bytes"] = memory.into();
    index["linked_count"] = status.linked_count.into();
    if let Some(codes) = &status.codes {
        index["codes"] = codes.as_str().into();
    }
    index["state"] = match status.state() {
        wire::IndexState::Ready => "ready".into(),
        wire::IndexState::Building => "building".into(),
        wire::IndexState::Rebuilding => "rebuilding".into(),
        wire::IndexState::Unspecified => panic!("never sent"),
    };
    index["progress"] = single(status.progress);
    index["hot_memory_bytes"] = status.hot_memory_bytes.into();
    index["disk_bytes"] = status.disk_bytes.into();
}

pub(crate) fn identity(given: embedding_wire::ModelIdentity) -> Value {
    let pooling = match given.pooling() {
        embedding_wire::Pooling::Mean => "mean",
        embedding_wire::Pooling::Cls => "cls",
        embedding_wire::Pooling::Max => "max",
        embedding_wire::Pooling::LastToken => "lasttoken",
        embedding_wire::Pooling::Unspecified => panic!("never sent"),
    };
    object([
        ("name", Some(given.name.into())),
        ("weights_sha256", Some(given.weights_sha256.into())),
        ("precision", Some(given.precision.into())),
        ("pooling", Some(pooling.into())),
        ("normalize", Some(given.normalize.into())),
        ("prompts", Some(json!(given.prompts))),
        ("default_prompt", given.default_prompt_name.map(Value::from)),
        ("max_tokens", Some(given.max_tokens.into())),
        ("dimension", Some(given.dimension.into())),
    ])
}
