//! `akidb-bench vectors`: texts to a file of vectors that `vector-index` reads.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, BufWriter, Write},
    path::{Path, PathBuf},
    thread,
};

use akidb_embedding::{EncoderInput, LoadedModel, Precision};
use anyhow::{Context, anyhow};
use clap::Args;
use serde::{Deserialize, Serialize};

use crate::report::{Report, Verdict, progress};

/// Texts that are read before the shortest of them are encoded first.
const TEXTS_AT_ONCE: usize = 1_024;

/// Texts of a batch, which are of about one length.
const BATCH_TEXTS: usize = 32;

#[derive(Args, Debug)]
#[command(after_help = "Example:
  $ zcat texts.jsonl.gz | cargo run --release -p akidb-bench -- vectors \\
      --model ~/.cache/akidb/models/all-minilm-l6-v2 --texts - --to glosses.f32")]
pub(crate) struct Arguments {
    /// The directory of a model
    #[arg(long, value_name = "PATH")]
    model: PathBuf,
    /// JSON lines with a `text`, or - for stdin; blank texts are passed over
    #[arg(long, value_name = "FILE")]
    texts: PathBuf,
    /// Where the vectors go: little-endian f32 without a header, of unit length, in order
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// Threads that run the model; all cores without it
    #[arg(long)]
    threads: Option<usize>,
}

/// What was made.
#[derive(Serialize)]
pub(crate) struct VectorsReport {
    vectors: usize,
    blank: usize,
    dimension: usize,
}

#[derive(Deserialize)]
struct Line {
    text: String,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<VectorsReport> {
    let threads =
        arguments.threads.unwrap_or_else(|| thread::available_parallelism().map_or(1, Into::into));
    let mut model = LoadedModel::native(&arguments.model, "bench", Precision::F32, threads)?;
    let output = File::create(&arguments.to)
        .with_context(|| format!("cannot create {}", arguments.to.display()))?;
    let mut output = BufWriter::new(output);
    let mut report = VectorsReport { vectors: 0, blank: 0, dimension: model.embedder.dimension() };
    let mut texts = Vec::new();
    for line in open(&arguments.texts)?.lines() {
        let Line { text } =
            serde_json::from_str(&line?).context("a line is not JSON with a text")?;
        if text.trim().is_empty() {
            report.blank += 1;
            continue;
        }
        let tokens = model.tokenizer.tokenize(&text).map_err(|reason| anyhow!(reason))?;
        texts.push(tokens.token_ids);
        if texts.len() == TEXTS_AT_ONCE {
            report.vectors += encode(&mut model, &mut texts, &mut output)?;
            progress(format_args!("{} texts", report.vectors));
        }
    }
    report.vectors += encode(&mut model, &mut texts, &mut output)?;
    output.flush()?;
    Ok(report)
}

fn open(path: &Path) -> anyhow::Result<Box<dyn BufRead>> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdin().lock()));
    }
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    Ok(Box::new(BufReader::new(file)))
}

/// Writes the vectors of texts in their order and forgets the texts.
fn encode(
    model: &mut LoadedModel,
    texts: &mut Vec<Vec<u32>>,
    output: &mut impl Write,
) -> anyhow::Result<usize> {
    let mut by_length: Vec<usize> = (0..texts.len()).collect();
    by_length.sort_by_key(|&at| texts[at].len());
    let mut vectors: Vec<Vec<f32>> = vec![Vec::new(); texts.len()];
    let (mut batch, dimension) = (Vec::new(), model.embedder.dimension());
    for places in by_length.chunks(BATCH_TEXTS) {
        let inputs: Vec<EncoderInput<'_>> = places
            .iter()
            .map(|&at| EncoderInput {
                token_ids: &texts[at],
                pooling: model.identity.pooling,
                normalize: true,
                document_start: None,
            })
            .collect();
        model.embedder.embed_batch(&inputs, &mut batch)?;
        for (&at, vector) in places.iter().zip(batch.chunks_exact(dimension)) {
            vectors[at] = vector.to_vec();
        }
    }
    texts.clear();
    for value in vectors.iter().flatten() {
        output.write_all(&value.to_le_bytes())?;
    }
    Ok(vectors.len())
}

impl Report for VectorsReport {
    fn parts(&self) -> Vec<String> {
        let Self { vectors, blank, dimension } = self;
        vec![format!(
            "{vectors} vectors of {dimension} components; {blank} blank texts passed over"
        )]
    }

    fn verdict(&self) -> Verdict {
        Verdict::Passed
    }
}
