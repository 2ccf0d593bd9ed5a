//! Recall and speed of whole searches. The engines take turns, pass by pass, so that whatever else
//! the machine does meets all of them alike.

use akidb_core::Quantization;
use serde::Serialize;

use super::{
    Arguments, Subject, a_second,
    curve::{AtRecall, Point, at_recall, model_us},
    mebibytes,
};
use crate::{
    graph_engines::{self, Built, GraphEngine, Pass},
    report::{progress, table},
};

/// At which recalls engines are compared.
const RECALLS: [f64; 2] = [0.95, 0.99];

/// Engines that keep less than full vectors, which no goal is held against.
const QUANTIZED_SUFFIX: &str = " i8";

/// What every engine took.
#[derive(Serialize)]
pub(super) struct Recall {
    pub(super) engines: Vec<Curve>,
    goal: Option<f64>,
}

/// What one engine took.
#[derive(Serialize)]
pub(super) struct Curve {
    pub(super) name: String,
    is_ours: bool,
    #[serde(flatten)]
    built: Built,
    pub(super) points: Vec<Point>,
    /// At the recalls of [`RECALLS`]; nothing where it does not come there.
    at_recall: [Option<AtRecall>; RECALLS.len()],
}

pub(super) fn measure(
    subject: &Subject,
    arguments: &Arguments,
    quantizations: &[Quantization],
    skipped: &mut Vec<String>,
) -> anyhow::Result<Recall> {
    let ours = quantizations.len();
    let mut engines = graph_engines::in_process(&subject.task, quantizations, arguments.hnsw_rs)?;
    if !arguments.hnsw_rs {
        skipped.push("hnsw_rs, without --hnsw-rs".to_owned());
    }
    match &arguments.python {
        Some(python) => {
            let names = &arguments.python_engines;
            engines.extend(graph_engines::in_python(&subject.task, python, names)?);
        }
        None => skipped.push("hnswlib, usearch and faiss, without --python PATH".to_owned()),
    }
    let mut curves: Vec<Curve> = engines
        .iter()
        .enumerate()
        .map(|(at, engine)| Curve {
            name: engine.name().to_owned(),
            is_ours: at < ours,
            built: engine.built(),
            points: Vec::new(),
            at_recall: [None; RECALLS.len()],
        })
        .collect();
    for &ef in arguments.ef.iter().filter(|&&ef| ef >= subject.task.limit) {
        progress(format_args!("searching with ef {ef}"));
        let passes = passes_of_all(&mut engines, ef, arguments.rounds)?;
        for (curve, passes) in curves.iter_mut().zip(passes) {
            curve.points.push(point(subject, ef, passes));
        }
    }
    for curve in &mut curves {
        curve.at_recall = RECALLS.map(|recall| at_recall(&curve.points, recall));
    }
    Ok(Recall { engines: curves, goal: arguments.goal })
}

/// For each engine its passes. Before each goes one that is not counted, so that what another engine
/// left in the caches is no part of it.
fn passes_of_all(
    engines: &mut [Box<dyn GraphEngine>],
    ef: usize,
    rounds: u16,
) -> anyhow::Result<Vec<Vec<Pass>>> {
    let mut passes: Vec<Vec<Pass>> = engines.iter().map(|_| Vec::new()).collect();
    for _ in 0..rounds {
        for (engine, passes) in engines.iter_mut().zip(&mut passes) {
            engine.search_all(ef)?;
            passes.push(engine.search_all(ef)?);
        }
    }
    Ok(passes)
}

fn point(subject: &Subject, ef: usize, mut passes: Vec<Pass>) -> Point {
    passes.sort_by_key(|pass| pass.cpu);
    let median = passes.swap_remove(passes.len() / 2);
    let queries = &subject.task.queries;
    Point {
        ef,
        recall: subject.truth.recall(&subject.task.vectors, queries, &median.found),
        us: median.cpu.as_secs_f64() * 1e6 / queries.len() as f64,
        model_us: median.effort.map(|effort| model_us(&effort, queries.len())),
    }
}

impl Recall {
    /// Whether our first graph is as many times as fast as the others as it had to be.
    pub(super) fn meets_goal(&self) -> bool {
        let Some((goal, ours)) = self.goal.zip(self.engines.first()) else { return true };
        let others = self
            .engines
            .iter()
            .filter(|curve| !curve.is_ours && !curve.name.ends_with(QUANTIZED_SUFFIX));
        others.flat_map(|other| other.at_recall.into_iter().zip(ours.at_recall)).all(|pair| {
            match pair {
                (Some(other), Some(ours)) => other.us >= goal * ours.us,
                (None, _) => true,
                (Some(_), None) => false,
            }
        })
    }

    pub(super) fn parts(&self) -> Vec<String> {
        let mut parts = vec![self.summary(), self.points()];
        if let Some(goal) = self.goal {
            let met = if self.meets_goal() { "met" } else { "MISSED" };
            parts.push(format!("goal: {goal} times the others over full vectors: {met}"));
        }
        parts
    }

    fn summary(&self) -> String {
        let heads = [
            "engine",
            "build CPU s",
            "memory MiB",
            "peak MiB",
            "hot MiB",
            "1/s at 0.95",
            "x akidb",
            "x model",
            "1/s at 0.99",
            "x akidb",
            "x model",
        ];
        let ours = self.engines.first().map(|ours| ours.at_recall).unwrap_or_default();
        let rows = self.engines.iter().map(|curve| {
            let [at_95, at_99] = [0, 1].map(|at| cells(curve.at_recall[at], ours[at]));
            let Built { cpu_s, memory_bytes, peak_bytes, hot_bytes } = curve.built;
            let figures = [
                curve.name.clone(),
                format!("{cpu_s:.1}"),
                mebibytes(memory_bytes),
                mebibytes(peak_bytes),
                mebibytes(hot_bytes),
            ];
            let mut cells = figures.into_iter().chain(at_95).chain(at_99);
            std::array::from_fn(|_| cells.next().unwrap_or_default())
        });
        table::<11>(heads, rows)
    }

    fn points(&self) -> String {
        let heads = ["engine", "ef", "recall", "us", "searches/s", "model us"];
        let rows = self.engines.iter().flat_map(|curve| {
            curve.points.iter().map(|point| {
                [
                    curve.name.clone(),
                    point.ef.to_string(),
                    format!("{:.4}", point.recall),
                    format!("{:.1}", point.us),
                    format!("{:.0}", a_second(point.us)),
                    point.model_us.map_or_else(|| "-".to_owned(), |us| format!("{us:.1}")),
                ]
            })
        });
        table(heads, rows)
    }
}

/// Searches a second, how many times as long as ours one takes, and as the model says.
fn cells(at: Option<AtRecall>, ours: Option<AtRecall>) -> [String; 3] {
    let told = |figure: Option<f64>| {
        figure.map_or_else(|| "-".to_owned(), |figure| format!("{figure:.2}"))
    };
    let Some(at) = at else { return ["not reached".to_owned(), told(None), told(None)] };
    [
        format!("{:.0}", a_second(at.us)),
        told(ours.map(|ours| at.us / ours.us)),
        told(at.model_us.map(|model_us| at.us / model_us)),
    ]
}
