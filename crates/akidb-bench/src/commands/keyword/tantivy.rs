//! The same texts and queries with tantivy, where this program was built with it.

#[cfg(feature = "tantivy")]
pub(super) use built::{IS_BUILT, run};
#[cfg(not(feature = "tantivy"))]
pub(super) use not_built::{IS_BUILT, run};

/// Of queries of a kind: how many hits they have on average, and how long each took.
type Answered = (super::Kind, f64, Vec<std::time::Duration>);

#[cfg(not(feature = "tantivy"))]
mod not_built {
    use super::{
        super::{OtherBuild, Queries},
        Answered,
    };

    pub(in super::super) const IS_BUILT: bool = false;

    /// # Errors
    /// Always: there is no tantivy in this program.
    pub(in super::super) fn run(
        _documents: &[String],
        _source: &[String],
        _queries: &Queries,
    ) -> anyhow::Result<(OtherBuild, Vec<Answered>)> {
        anyhow::bail!("this program was built without tantivy")
    }
}

#[cfg(feature = "tantivy")]
mod built {
    use std::time::Instant;

    use tantivy::{
        Index, IndexWriter, ReloadPolicy, TantivyDocument, Term,
        collector::TopDocs,
        directory::RamDirectory,
        query::{BooleanQuery, Occur, Query, TermQuery},
        schema::{Field, IndexRecordOption, Schema, TextFieldIndexing, TextOptions},
        tokenizer::{
            Language, LowerCaser, RemoveLongFilter, SimpleTokenizer, Stemmer, StopWordFilter,
            TextAnalyzer,
        },
    };

    use super::{
        super::{Kind, LIMIT, OtherBuild, Queries},
        Answered,
    };
    use crate::timing::{Percentiles, Stopwatch};

    pub(in super::super) const IS_BUILT: bool = true;

    /// Bytes that documents are collected in before they are written.
    const WRITER_BYTES: usize = 200 << 20;

    /// Documents that are committed one by one.
    const SINGLE_INSERTS: usize = 50;

    /// Fills an index in memory with one thread, has it merged, and asks it.
    pub(in super::super) fn run(
        documents: &[String],
        source: &[String],
        queries: &Queries,
    ) -> anyhow::Result<(OtherBuild, Vec<Answered>)> {
        let mut schema = Schema::builder();
        let indexing = TextFieldIndexing::default()
            .set_tokenizer("english")
            .set_index_option(IndexRecordOption::WithFreqsAndPositions);
        let field =
            schema.add_text_field("text", TextOptions::default().set_indexing_options(indexing));
        let directory = RamDirectory::create();
        let index =
            Index::create(directory.clone(), schema.build(), tantivy::IndexSettings::default())?;
        let mut analyzer = analyzer();
        index.tokenizers().register("english", analyzer.clone());
        let mut writer: IndexWriter = index.writer_with_num_threads(1, WRITER_BYTES)?;
        let started = Instant::now();
        for text in documents {
            add(&writer, field, text)?;
        }
        writer.commit()?;
        let segments = index.searchable_segment_ids()?;
        if segments.len() > 1 {
            writer.merge(&segments).wait()?;
        }
        let insert = started.elapsed();
        writer.garbage_collect_files().wait()?;
        let written = directory.total_mem_usage();
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        reader.reload()?;
        let answered = [Kind::Words, Kind::WholeText]
            .map(|kind| answer(&reader, queries, kind, field, &mut analyzer));
        let answered = answered.into_iter().collect::<anyhow::Result<_>>()?;
        let mut singles = Vec::new();
        for text in source.iter().take(SINGLE_INSERTS) {
            let started = Instant::now();
            add(&writer, field, text)?;
            writer.commit()?;
            reader.reload()?;
            singles.push(started.elapsed());
        }
        let build = OtherBuild {
            name: "tantivy",
            insert_us_a_document: insert.as_secs_f64() * 1e6 / documents.len() as f64,
            written_bytes_a_document: written as f64 / documents.len() as f64,
            single_insert: Percentiles::of(&singles),
        };
        Ok((build, answered))
    }

    fn analyzer() -> TextAnalyzer {
        let stop_words = StopWordFilter::new(Language::English);
        let words = TextAnalyzer::builder(SimpleTokenizer::default())
            .filter(RemoveLongFilter::limit(120))
            .filter(LowerCaser);
        match stop_words {
            Some(stop_words) => {
                words.filter(stop_words).filter(Stemmer::new(Language::English)).build()
            }
            None => words.filter(Stemmer::new(Language::English)).build(),
        }
    }

    fn add(writer: &IndexWriter, field: Field, text: &str) -> anyhow::Result<()> {
        let mut document = TantivyDocument::default();
        document.add_text(field, text);
        writer.add_document(document)?;
        Ok(())
    }

    fn answer(
        reader: &tantivy::IndexReader,
        queries: &Queries,
        kind: Kind,
        field: Field,
        analyzer: &mut TextAnalyzer,
    ) -> anyhow::Result<Answered> {
        let searcher = reader.searcher();
        let (mut times, mut hits) = (Vec::new(), 0);
        for text in queries.of(kind) {
            let watch = Stopwatch::start();
            let mut terms: Vec<(Occur, Box<dyn Query>)> = Vec::new();
            let mut stream = analyzer.token_stream(text);
            while let Some(token) = stream.next() {
                let term = Term::from_field_text(field, &token.text);
                let query = TermQuery::new(term, IndexRecordOption::WithFreqs);
                terms.push((Occur::Should, Box::new(query)));
            }
            drop(stream);
            let collector = TopDocs::with_limit(LIMIT).order_by_score();
            hits += searcher.search(&BooleanQuery::new(terms), &collector)?.len();
            times.push(watch.stop().cpu);
        }
        Ok((kind, hits as f64 / times.len() as f64, times))
    }
}
