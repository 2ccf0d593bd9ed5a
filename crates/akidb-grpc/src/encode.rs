//! From the replies of the service to the messages of the wire.

use std::{ops::Range, time::Duration};

use akidb_core::{
    DamagedDocument, Document, DocumentField, DocumentId, IndexSettings, Metric, Passage,
};
use akidb_proto::{
    collection::v1::{self as wire, document_id::Kind},
    embedding::v1 as embedding_wire,
};
use akidb_service::{
    Alias, CollectionDescription, CollectionSummary, EmbedReply, FieldDescription, Hit, HitGroup,
    Include, IndexState, IndexStatus, LostWrites, ModelIdentity, ModelInfo, ModelKind, ModelState,
    Pooling, RerankReply, ScoreParts, SearchPlan, SearchReply, Strategy, TaskInfo, TaskKind,
    TaskProgressState, UpsertReply, UpsertResult, UpsertStatus,
};

use crate::{shown, value};

pub(crate) fn description(given: CollectionDescription) -> wire::CollectionDescription {
    let status = |name: &str| given.indexes.get(name).copied();
    let unnamed = status("");
    let fields = given.summary.fields.iter().map(|field| {
        let index = status(&field.name).unwrap_or_default();
        let status = wire::FieldStatus {
            index_vector_count: index.vector_count,
            index_memory_bytes: index.memory_bytes,
            index_status: Some(index_status(index)),
        };
        (field.name.clone(), status)
    });
    wire::CollectionDescription {
        fields: fields.collect(),
        summary: Some(summary(given.summary)),
        document_count: given.document_count,
        last_seq: given.last_seq,
        disk_bytes: given.disk_bytes,
        index_vector_count: unnamed.unwrap_or_default().vector_count,
        index_memory_bytes: unnamed.unwrap_or_default().memory_bytes,
        lost_writes: given.lost_writes.into_iter().map(lost_writes).collect(),
        index_status: unnamed.map(index_status),
    }
}

fn index_status(given: IndexStatus) -> wire::IndexStatus {
    let state = match given.state {
        IndexState::Ready => wire::IndexState::Ready,
        IndexState::Building => wire::IndexState::Building,
        IndexState::Rebuilding => wire::IndexState::Rebuilding,
    };
    wire::IndexStatus {
        linked_count: given.linked_count,
        codes: given.codes.map(|codes| codes.as_str().to_owned()),
        state: state.into(),
        progress: given.progress,
        hot_memory_bytes: given.hot_memory_bytes,
        disk_bytes: given.disk_bytes,
    }
}

/// The settings that the engine has a use for.
fn index_settings(given: IndexSettings) -> wire::IndexSettings {
    let engine = Some(given.engine.as_str().to_owned());
    if !given.has_graph() {
        return wire::IndexSettings { engine, ..wire::IndexSettings::default() };
    }
    wire::IndexSettings {
        engine,
        m: Some(given.m.into()),
        ef_construction: Some(given.ef_construction.into()),
        ef: Some(given.ef.into()),
        quantization: Some(given.quantization.as_str().to_owned()),
    }
}

fn lost_writes(given: LostWrites) -> wire::LostWrites {
    wire::LostWrites { first_seq: given.first_seq, last_seq: given.last_seq }
}

pub(crate) fn summary(given: CollectionSummary) -> wire::CollectionSummary {
    let fields = given.fields.into_iter().map(|field| (field.name.clone(), field_summary(field)));
    let of_unnamed = given.unnamed.map(field_summary);
    let has_unnamed = of_unnamed.is_some();
    let unnamed = of_unnamed.unwrap_or_default();
    wire::CollectionSummary {
        name: given.name,
        aliases: given.aliases,
        description: given.description,
        model: unnamed.model,
        dimension: unnamed.dimension,
        metric: unnamed.metric,
        index: unnamed.index.filter(|_| has_unnamed),
        created_unix_ms: given.created_unix_ms,
        chunking: unnamed.chunking,
        fields: fields.collect(),
        reembedding: unnamed.reembedding,
        previous: unnamed.previous,
        language: given.keyword.language().to_owned(),
        ttl_seconds: given.ttl_seconds,
        keyword: Some(wire::KeywordSettings {
            weights: (given.keyword.weights().into_iter())
                .map(|(name, weight)| (name, weight.into()))
                .collect(),
        }),
    }
}

fn field_summary(given: FieldDescription) -> wire::FieldSummary {
    let metric = match given.metric {
        Metric::Cosine => wire::Metric::Cosine,
        Metric::Dot => wire::Metric::Dot,
        Metric::L2 => wire::Metric::L2,
    };
    wire::FieldSummary {
        model: given.model.map(identity),
        dimension: given.dimension,
        metric: metric.into(),
        index: Some(index_settings(given.index)),
        chunking: given.chunking.map(|chunking| wire::Chunking {
            tokens: Some(chunking.tokens.into()),
            overlap: Some(chunking.overlap.into()),
        }),
        reembedding: given.reembedding.map(identity),
        previous: given.previous.map(identity),
    }
}

pub(crate) fn aliases(given: Vec<Alias>) -> Vec<wire::Alias> {
    let aliases = given.into_iter().map(|Alias { alias, collection }| wire::Alias {
        alias: alias.as_str().to_owned(),
        collection: collection.as_str().to_owned(),
    });
    aliases.collect()
}

pub(crate) fn task(given: TaskInfo) -> wire::Task {
    let kind = match given.kind {
        TaskKind::Copy => wire::TaskKind::Copy,
        TaskKind::Reembed => wire::TaskKind::Reembed,
        TaskKind::BackUp => wire::TaskKind::Backup,
        TaskKind::BuildIndex => wire::TaskKind::BuildIndex,
        TaskKind::LoadModel => wire::TaskKind::LoadModel,
    };
    let state = match given.state {
        TaskProgressState::Pending => wire::TaskState::Pending,
        TaskProgressState::Running => wire::TaskState::Running,
        TaskProgressState::Succeeded => wire::TaskState::Succeeded,
        TaskProgressState::Failed => wire::TaskState::Failed,
        TaskProgressState::Cancelled => wire::TaskState::Cancelled,
    };
    wire::Task {
        id: given.id,
        kind: kind.into(),
        state: state.into(),
        progress: given.progress,
        collection: given.collection,
        to: given.to,
        model: given.model,
        error: given
            .error
            .map(|(code, message)| wire::TaskError { code: code.as_str().to_owned(), message }),
        created_unix_ms: given.created_unix_ms,
        ended_unix_ms: given.ended_unix_ms,
        field: given.field,
        overlap: given.overlap,
    }
}

fn identity(given: ModelIdentity) -> embedding_wire::ModelIdentity {
    let pooling = match given.pooling {
        Pooling::Mean => embedding_wire::Pooling::Mean,
        Pooling::Cls => embedding_wire::Pooling::Cls,
        Pooling::Max => embedding_wire::Pooling::Max,
        Pooling::LastToken => embedding_wire::Pooling::LastToken,
    };
    embedding_wire::ModelIdentity {
        name: given.name,
        weights_sha256: given.weights_sha256,
        precision: given.precision.to_string(),
        pooling: pooling.into(),
        normalize: given.normalize,
        prompts: given.prompts.by_name,
        default_prompt_name: given.prompts.default_name,
        max_tokens: given.max_tokens,
        dimension: given.dimension,
    }
}

pub(crate) fn upsert_reply(given: UpsertReply) -> wire::UpsertDocumentsResponse {
    wire::UpsertDocumentsResponse {
        results: given.results.into_iter().map(upsert_result).collect(),
        took_ms: milliseconds(given.took),
    }
}

fn upsert_result(given: UpsertResult) -> wire::UpsertResult {
    let status = match given.status {
        UpsertStatus::Created => wire::UpsertStatus::Created,
        UpsertStatus::Updated => wire::UpsertStatus::Updated,
    };
    wire::UpsertResult {
        id: Some(id(given.id)),
        status: status.into(),
        tokens: given.tokens,
        truncated: given.truncated,
        passages: given.passages,
        seq: given.seq.0,
        unknown_tokens: given.unknown_tokens,
    }
}

fn id(given: DocumentId) -> wire::DocumentId {
    let kind = match given {
        DocumentId::Integer(id) => Kind::Integer(id),
        DocumentId::Text(id) => Kind::Text(id),
    };
    wire::DocumentId { kind: Some(kind) }
}

fn vector(values: Vec<f32>) -> wire::Vector {
    wire::Vector { values, values_le: Vec::new() }
}

/// A document with the parts that were asked for.
pub(crate) fn document(given: Document, include: Include) -> wire::Document {
    let metadata = include.metadata.then(|| value::wire_object(given.metadata.into_object()));
    wire::Document {
        id: Some(id(given.id)),
        text: given.text.filter(|_| include.text),
        vector: given.vector.filter(|_| include.vector).map(vector),
        metadata,
        seq: given.seq.0,
        passages: passages(given.passages, include),
        fields: given.fields.into_iter().filter_map(|given| field(given, include)).collect(),
        expires_at: (given.expires_at.filter(|_| include.metadata))
            .map(|moment| moment.to_string()),
    }
}

/// What a document has in a named field, where any of it was asked for.
fn field(given: DocumentField, include: Include) -> Option<(String, wire::DocumentField)> {
    let part = wire::DocumentField {
        text: given.text.filter(|_| include.text),
        vector: given.vector.filter(|_| include.vector).map(vector),
        passages: passages(given.passages, include),
    };
    (part != wire::DocumentField::default()).then(|| (given.name.as_str().to_owned(), part))
}

fn passages(given: Vec<Passage>, include: Include) -> Vec<wire::Passage> {
    let given = given.into_iter().filter(|_| include.vector);
    let passages = given.map(|Passage { characters, vector: values }| wire::Passage {
        vector: Some(vector(values)),
        ..span(&characters)
    });
    passages.collect()
}

pub(crate) fn span(characters: &Range<usize>) -> wire::Passage {
    let (start, end) = (characters.start as u64, characters.end as u64);
    wire::Passage { start, end, ..wire::Passage::default() }
}

pub(crate) fn documents(given: Vec<Document>, include: Include) -> Vec<wire::Document> {
    given.into_iter().map(|given| document(given, include)).collect()
}

pub(crate) fn damaged(given: Vec<DamagedDocument>) -> Vec<wire::DamagedDocument> {
    let given = given.into_iter();
    given
        .map(|given| wire::DamagedDocument {
            id: given.id.map(id),
            seq: given.seq.map(|seq| seq.0),
        })
        .collect()
}

pub(crate) fn search_result(given: SearchReply) -> wire::SearchResult {
    let include = given.include;
    let group = |given: HitGroup| wire::HitGroup {
        value: Some(value::wire_value(given.value)),
        hits: given.hits.into_iter().map(|given| hit(given, include)).collect(),
    };
    let groups = given.groups.map(|given| given.into_iter().map(group).collect());
    wire::SearchResult {
        groups: groups.map(|groups| wire::HitGroups { groups }),
        hits: given.hits.into_iter().map(|given| hit(given, include)).collect(),
        took_ms: milliseconds(given.took),
        degraded: given.degraded,
        damaged: damaged(given.damaged),
        unsearchable: given.unsearchable,
        plan: given.plan.map(search_plan),
        unknown_fields: given.unknown_fields,
        unknown_tokens: given.unknown_tokens.filter(|count| *count > 0),
    }
}

fn search_plan(given: SearchPlan) -> wire::SearchPlan {
    let strategy = match given.strategy {
        None => wire::SearchStrategy::Unspecified,
        Some(Strategy::Scan) => wire::SearchStrategy::Scan,
        Some(Strategy::Graph) => wire::SearchStrategy::Graph,
        Some(Strategy::GraphThenScan) => wire::SearchStrategy::GraphThenScan,
    };
    wire::SearchPlan {
        strategy: strategy.into(),
        ef: given.ef,
        matching: given.matching,
        vectors: given.vectors,
        hops: given.hops,
        compared: given.compared,
        rescored: given.rescored,
        filter_ms: milliseconds(given.filter),
        index_ms: milliseconds(given.index),
        fetch_ms: milliseconds(given.fetch),
        candidates: given.candidates,
        keyword_ms: (!given.keyword.is_zero()).then(|| milliseconds(given.keyword)),
        reranked: given.reranked,
        rerank_ms: given.reranked.map(|_| milliseconds(given.rerank)),
        passages: given.passages,
        shown_ms: given.shown.map(milliseconds),
    }
}

fn hit(given: Hit, include: Include) -> wire::Hit {
    let passage = given.passage.filter(|_| given.best_passages.is_none()).map(shown::text_part);
    let document = Some(document(given.document, include));
    let parts = score_parts(given.score_parts, given.rerank);
    wire::Hit {
        score: given.score,
        document,
        passage,
        parts,
        best_passages: given.best_passages.map(shown::best_passages),
        highlights: given.highlights.map(shown::highlights),
    }
}

pub(crate) fn score_parts(
    given: Option<ScoreParts>,
    rerank: Option<f32>,
) -> Option<wire::ScoreParts> {
    let semantic = given.and_then(|given| given.semantic);
    let keyword = given.map(|given| given.keyword);
    (given.is_some() || rerank.is_some()).then_some(wire::ScoreParts { semantic, keyword, rerank })
}

pub(crate) fn embed_reply(given: EmbedReply) -> embedding_wire::EmbedResponse {
    let embeddings = given.embeddings.into_iter();
    embedding_wire::EmbedResponse {
        embeddings: embeddings.map(|values| embedding_wire::Embedding { values }).collect(),
        model: given.model,
        dimension: given.dimension,
        usage: Some(embedding_wire::Usage {
            total_tokens: given.total_tokens,
            unknown_tokens: given.unknown_tokens,
            duration_ms: milliseconds(given.took),
        }),
        truncated: given.truncated,
    }
}

pub(crate) fn rerank_reply(given: RerankReply) -> embedding_wire::RerankResponse {
    let results = given.results.into_iter().map(|given| embedding_wire::RerankResult {
        index: given.index as u64,
        relevance_score: given.score,
        logit: given.logit,
        document: given.document,
    });
    embedding_wire::RerankResponse {
        model: given.model,
        results: results.collect(),
        usage: Some(embedding_wire::Usage {
            total_tokens: given.total_tokens,
            unknown_tokens: given.unknown_tokens,
            duration_ms: milliseconds(given.took),
        }),
        truncated: given.truncated,
    }
}

pub(crate) fn model_info(given: ModelInfo) -> embedding_wire::ModelInfo {
    embedding_wire::ModelInfo {
        identity: given.identity.map(identity),
        backend: given.backend.to_owned(),
        is_default: given.is_default,
        name: given.name,
        state: model_state(given.state).into(),
        failure: given.failure,
        kind: model_kind(given.kind).into(),
    }
}

const fn model_kind(given: Option<ModelKind>) -> embedding_wire::ModelKind {
    match given {
        None => embedding_wire::ModelKind::Unspecified,
        Some(ModelKind::Embedder) => embedding_wire::ModelKind::Embedder,
        Some(ModelKind::Reranker(_)) => embedding_wire::ModelKind::Reranker,
    }
}

const fn model_state(given: ModelState) -> embedding_wire::ModelState {
    match given {
        ModelState::Unloaded => embedding_wire::ModelState::Unloaded,
        ModelState::Loading => embedding_wire::ModelState::Loading,
        ModelState::Ready => embedding_wire::ModelState::Ready,
        ModelState::Unloading => embedding_wire::ModelState::Unloading,
        ModelState::Failed => embedding_wire::ModelState::Failed,
    }
}

pub(crate) fn milliseconds(took: Duration) -> f64 {
    took.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_and_strategy_has_its_number() {
        let state = |state| index_status(IndexStatus { state, ..Default::default() }).state();
        assert_eq!(state(IndexState::Ready), wire::IndexState::Ready);
        assert_eq!(state(IndexState::Building), wire::IndexState::Building);
        assert_eq!(state(IndexState::Rebuilding), wire::IndexState::Rebuilding);
        let strategy =
            |strategy| search_plan(SearchPlan { strategy, ..Default::default() }).strategy();
        assert_eq!(strategy(None), wire::SearchStrategy::Unspecified);
        assert_eq!(strategy(Some(Strategy::Scan)), wire::SearchStrategy::Scan);
        assert_eq!(strategy(Some(Strategy::Graph)), wire::SearchStrategy::Graph);
        let both = strategy(Some(Strategy::GraphThenScan));
        assert_eq!(both, wire::SearchStrategy::GraphThenScan);
    }

    #[test]
    fn a_degraded_answer_says_so() {
        let reply = |degraded| SearchReply {
            include: Include::default(),
            hits: Vec::new(),
            groups: None,
            took: Duration::ZERO,
            degraded,
            damaged: Vec::new(),
            unsearchable: 0,
            plan: None,
            unknown_fields: Vec::new(),
            unknown_tokens: None,
        };
        assert!(search_result(reply(true)).degraded);
        assert!(!search_result(reply(false)).degraded);
    }
}
