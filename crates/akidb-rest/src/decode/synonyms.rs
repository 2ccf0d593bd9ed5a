//! Names that other systems have for what a field means here.

/// Fields, and what they are called elsewhere.
const SYNONYMS: &[(&str, &str)] = &[
    (
        "limit",
        "top_k topk k n n_results num_results max_results page_size size top count first per_page",
    ),
    ("offset", "from skip start page"),
    (
        "cursor",
        "next_cursor page_token next_page_token pagination_token scroll_id after search_after",
    ),
    ("filter", "where filters query_filter where_document filter_expression expr must conditions"),
    (
        "text",
        "query query_text query_texts q prompt content page_content document body chunk passage input \
         message string",
    ),
    (
        "vector",
        "query_vector query_embedding query_embeddings embedding embeddings values vectors dense_vector",
    ),
    (
        "include",
        "with_payload with_vector with_vectors with_payloads include_metadata include_values \
         include_vector return_properties output_fields fields select return_metadata",
    ),
    ("metadata", "payload properties attributes meta fields metadatas tags data extra"),
    ("min_score", "score_threshold threshold min_similarity similarity_threshold certainty cutoff"),
    ("id", "_id uuid key document_id doc_id point_id like recommend"),
    ("ids", "document_ids doc_ids point_ids uuids keys points"),
    (
        "documents",
        "points records items objects rows data vectors entities docs upsert_points texts",
    ),
    ("dimension", "size dim dimensions vector_size n_dim vectors vectors_config length"),
    ("metric", "distance space similarity metric_type distance_metric distance_function"),
    ("name", "collection_name collection index_name class title"),
    ("model", "model_name embedding_model model_id embedder engine"),
    ("texts", "input inputs sentences strings documents text prompts queries"),
    ("searches", "queries requests batch"),
    ("params", "search_params parameters options hnsw_ef ef ef_search num_candidates exact"),
    ("ef", "hnsw_ef ef_search num_candidates search_ef efsearch"),
    ("exact", "brute_force flat exhaustive"),
    ("m", "max_connections m_links"),
    ("ef_construction", "ef_construct efconstruction build_ef"),
    ("index", "hnsw hnsw_config index_params index_config vector_index_config"),
    ("chunking", "chunk_size chunk splitter"),
    ("tokens", "chunk_size max_tokens chunk_tokens size"),
    ("overlap", "chunk_overlap"),
    ("if_seq", "version expected_version if_version seq seq_no if_seq_no revision if_match"),
    (
        "hybrid",
        "fusion_method fusion fusion_type rank rank_fusion rerank_fusion rrf alpha semantic_ratio semanticratio prefetch query_by_weights ranker",
    ),
    ("fusion", "fusion_method fusion_type method type strategy ranker"),
    ("k", "rank_constant rrf_k constant"),
    ("weights", "weight alpha semantic_ratio boosts"),
    ("depth", "candidates num_candidates prefetch_limit rank_window_size window_size window limit"),
    ("facets", "aggregations aggs facet fields buckets"),
    ("borders", "ranges range boundaries bounds edges"),
    ("group_by", "group group_by_field distinct collapse grouping"),
    ("size", "group_size group_limit hits_per_group limit"),
    ("order_by", "sort sort_by sorts orderby ordering order"),
    ("direction", "order sort_order dir"),
    ("interval", "calendar_interval fixed_interval date_histogram gap unit"),
    ("field", "key facet_by facet_field path attribute name column"),
    ("min_parts", "min_scores thresholds score_thresholds"),
    ("semantic", "vector dense semantic_score cosine"),
    ("keyword", "bm25 text sparse lexical full_text"),
    (
        "mode",
        "op op_type operation type search_type searchtype query_type querytype search_mode write_mode upsert",
    ),
    ("all", "delete_all deleteall everything match_all"),
    ("query", "q text query_text question search_query"),
    ("top_n", "top_k topk k n limit size num_results"),
    ("return_documents", "return_text with_documents include_documents"),
    (
        "passages_per_document",
        "chunks_per_document passages_per_hit inner_hits chunk_limit passage_limit max_passages",
    ),
    ("passage_context", "context_window window neighbors surrounding_chunks context_size"),
    ("highlight", "highlights highlighting hl highlight_fields attributes_to_highlight snippet"),
    ("ranges", "number_of_fragments fragments max_highlights"),
    ("snippet_sentences", "sentences fragment_size snippet_size snippet crop_length"),
    ("rerank", "reranker ranker rescore rerank_model cross_encoder rerank_params"),
    ("top", "top_n top_k depth window size rank_window_size window_size num_candidates"),
    ("normalize", "normalise normalize_embeddings"),
    ("truncate", "truncation truncate_input"),
    ("input_type", "task task_type prompt_name"),
    ("input", "texts text inputs"),
];

/// The one of `allowed` that a name of another system means.
pub(super) fn meant_by<'a>(name: &str, allowed: &[&'a str]) -> Option<&'a str> {
    let is_it = |synonym: &str| synonym.eq_ignore_ascii_case(name);
    let fields = SYNONYMS.iter().filter(|(_, synonyms)| synonyms.split_whitespace().any(is_it));
    let mut known = fields.filter_map(|(field, _)| allowed.iter().find(|known| *known == field));
    known.next().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_other_systems_are_told_as_they_are_here() {
        let search = ["text", "vector", "id", "limit", "filter", "include", "min_score", "params"];
        for (name, meant) in [
            ("top_k", "limit"),
            ("n_results", "limit"),
            ("where", "filter"),
            ("query", "text"),
            ("queryVector", ""),
            ("query_vector", "vector"),
            ("with_payload", "include"),
            ("score_threshold", "min_score"),
            ("hnsw_ef", "params"),
        ] {
            assert_eq!(meant_by(name, &search).unwrap_or_default(), meant, "{name}");
        }
        let search = ["text", "vector", "limit", "mode", "hybrid", "min_score", "min_parts"];
        let hybrid = ["fusion", "k", "weights", "depth"];
        for (name, allowed, meant) in [
            ("search_type", &search[..], "mode"),
            ("query_type", &search, "mode"),
            ("fusion_method", &search, "hybrid"),
            ("alpha", &search, "hybrid"),
            ("prefetch", &search, "hybrid"),
            ("alpha", &hybrid, "weights"),
            ("rank_constant", &hybrid, "k"),
            ("method", &hybrid, "fusion"),
            ("rank_window_size", &hybrid, "depth"),
            ("bm25", &["semantic", "keyword"], "keyword"),
        ] {
            assert_eq!(meant_by(name, allowed), Some(meant), "{name}");
        }
        let document = ["id", "text", "vector", "metadata", "if_seq"];
        assert_eq!(meant_by("content", &document), Some("text"));
        assert_eq!(meant_by("payload", &document), Some("metadata"));
        assert_eq!(meant_by("embedding", &document), Some("vector"));
        assert_eq!(meant_by("top_k", &document), None);
        assert_eq!(meant_by("points", &["documents", "mode"]), Some("documents"));
        assert_eq!(meant_by("ef", &["ef", "exact"]), None, "a name is no synonym of itself");
    }
}
