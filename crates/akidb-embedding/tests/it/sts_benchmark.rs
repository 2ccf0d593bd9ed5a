//! The STS benchmark: how well the cosine of two sentences ranks them by people's judgement.

use std::{env, fs, path::PathBuf};

use akidb_embedding::{EmbedOptions, Lane, Precision, QueueSettings};

use crate::support::{cosine, queue, real_model_in, workspace};

/// 0.8203 is what sentence-transformers reaches with all-MiniLM-L6-v2.
const LEAST_SPEARMAN: f64 = 0.820;
/// What smaller weights may cost.
const MOST_BETWEEN_PRECISIONS: f64 = 0.003;

#[tokio::test]
async fn ranks_sentence_pairs_as_well_as_sentence_transformers() {
    let shared = env::var_os("AKIDB_SHARED_DIR")
        .map_or_else(|| workspace().join("../shared"), PathBuf::from);
    let file = shared.join("data/sts-b/stsb-en-test.tsv");
    let Ok(table) = fs::read_to_string(&file) else {
        eprintln!("SKIPPED: {} is not there, set AKIDB_SHARED_DIR", file.display());
        return;
    };
    let pairs: Vec<[&str; 3]> = table
        .lines()
        .map(|line| line.split('\t').collect::<Vec<_>>().try_into().unwrap())
        .collect();
    let texts: Vec<String> =
        pairs.iter().flat_map(|[_, one, other]| [*one, *other]).map(str::to_owned).collect();
    let judgements: Vec<f64> = pairs.iter().map(|[score, ..]| score.parse().unwrap()).collect();
    let single = spearman(Precision::F32, texts.clone(), &judgements).await;
    let half = spearman(Precision::Bf16, texts.clone(), &judgements).await;
    let bytes = spearman(Precision::Int8, texts, &judgements).await;
    eprintln!(
        "Spearman of {} pairs: {single:.4} in f32, {half:.4} in bf16, {bytes:.4} in int8",
        pairs.len()
    );
    assert!(single >= LEAST_SPEARMAN, "{single}");
    assert!((single - half).abs() <= MOST_BETWEEN_PRECISIONS, "{single} and {half}");
    assert!((single - bytes).abs() <= MOST_BETWEEN_PRECISIONS, "{single} and {bytes}");
}

/// The rank correlation of people's judgements with the cosines of pairs of texts.
async fn spearman(precision: Precision, texts: Vec<String>, judgements: &[f64]) -> f64 {
    let queue = queue(real_model_in(precision, 2), QueueSettings::default());
    let options = EmbedOptions { lane: Lane::Bulk, ..EmbedOptions::default() };
    let embeddings = queue.embed(texts, options).await.unwrap();
    let cosines: Vec<f64> =
        embeddings.chunks_exact(2).map(|pair| cosine(&pair[0].values, &pair[1].values)).collect();
    pearson(&ranks(judgements), &ranks(&cosines))
}

/// Ranks from 0; equal values share the mean of their ranks.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|one, other| values[*one].total_cmp(&values[*other]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    for run in order.chunk_by(|one, other| values[*one] == values[*other]) {
        let rank = start as f64 + (run.len() - 1) as f64 / 2.0;
        run.iter().for_each(|index| ranks[*index] = rank);
        start += run.len();
    }
    ranks
}

fn pearson(one: &[f64], other: &[f64]) -> f64 {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (one_mean, other_mean) = (mean(one), mean(other));
    let covariance = |a: &[f64], a_mean: f64, b: &[f64], b_mean: f64| -> f64 {
        a.iter().zip(b).map(|(a, b)| (a - a_mean) * (b - b_mean)).sum()
    };
    covariance(one, one_mean, other, other_mean)
        / (covariance(one, one_mean, one, one_mean)
            * covariance(other, other_mean, other, other_mean))
        .sqrt()
}
