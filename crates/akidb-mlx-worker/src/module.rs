//! The Python module `akidb_mlx.worker`, called with buffers of numbers.
//!
//! Out of scope: how often it is called, and what its failures mean to the node.

use std::time::Duration;

use akidb_embedding::mlx::protocol::{BatchView, FailureKind, Open};
use pyo3::{
    buffer::PyBuffer,
    exceptions::{PyImportError, PyValueError},
    prelude::*,
    types::{PyBytes, PyMemoryView},
};

const MODULE: &str = "akidb_mlx.worker";

/// An open model.
pub(crate) struct Module<'py> {
    encoder: Bound<'py, PyAny>,
    dimension: usize,
}

/// The vectors of a batch and what it took.
pub(crate) struct RunBatch {
    pub(crate) vectors: Vec<f32>,
    pub(crate) gil_wait: Duration,
    pub(crate) in_module: Duration,
}

/// What went wrong, and whose fault it is.
pub(crate) struct Failure {
    pub(crate) kind: FailureKind,
    pub(crate) message: String,
}

impl<'py> Module<'py> {
    /// Imports the module and opens the model; also answers what the module says of both, as JSON.
    pub(crate) fn open(py: Python<'py>, open: &Open) -> Result<(Self, String), Failure> {
        if let Some(path) = &open.module_path {
            let search = py.import("sys").and_then(|sys| sys.getattr("path"));
            search
                .and_then(|search| search.call_method1("insert", (0, path)))
                .map_err(|error| explain(py, &error))?;
        }
        let module = py.import(MODULE).map_err(|error| explain(py, &error))?;
        let options =
            serde_json::to_string(&open.options).map_err(|error| contract(&error.to_string()))?;
        let encoder =
            module.call_method1("open_encoder", (options,)).map_err(|error| explain(py, &error))?;
        let info = text(py, &encoder, "info")?;
        let said: serde_json::Value = serde_json::from_str(&info)
            .map_err(|error| contract(&format!("info() is not JSON: {error}")))?;
        let dimension = said["dimension"].as_u64().and_then(|number| usize::try_from(number).ok());
        let Some(dimension @ 1..) = dimension else {
            return Err(contract("info() names no dimension"));
        };
        Ok((Self { encoder, dimension }, info))
    }

    /// Runs a batch.
    pub(crate) fn encode(
        &self,
        py: Python<'py>,
        batch: &BatchView<'_>,
    ) -> Result<Vec<f32>, Failure> {
        let numbers = |bytes: &[u8], format: &str| {
            let bytes = PyBytes::new(py, bytes);
            PyMemoryView::from(&bytes)?.call_method1("cast", (format,))
        };
        let arguments = || {
            Ok::<_, PyErr>((
                numbers(batch.token_ids, "i")?,
                numbers(batch.lengths, "i")?,
                numbers(batch.poolings, "i")?,
                numbers(batch.normalize, "B")?,
            ))
        };
        let rows = arguments()
            .and_then(|arguments| self.encoder.call_method1("encode", arguments))
            .map_err(|error| explain(py, &error))?;
        let buffer = PyBuffer::<f32>::get(&rows).map_err(|error| {
            contract(&format!("encode() returned no buffer of float32: {error}"))
        })?;
        let expected = batch.head.texts as usize * self.dimension;
        if buffer.item_count() != expected {
            let shape = buffer.shape();
            return Err(contract(&format!(
                "encode() returned the shape {shape:?} for {} texts of {} values",
                batch.head.texts, self.dimension
            )));
        }
        buffer.to_vec(py).map_err(|error| explain(py, &error))
    }

    /// What the module holds and has done, as JSON.
    pub(crate) fn statistics(&self) -> Result<String, Failure> {
        text(self.encoder.py(), &self.encoder, "statistics")
    }
}

fn text(py: Python<'_>, encoder: &Bound<'_, PyAny>, method: &str) -> Result<String, Failure> {
    let answer = encoder.call_method0(method).map_err(|error| explain(py, &error))?;
    answer.extract().map_err(|_| contract(&format!("{method}() returned no text")))
}

fn contract(message: &str) -> Failure {
    Failure { kind: FailureKind::Contract, message: message.to_owned() }
}

/// The exception in one line; its traceback goes to the log.
fn explain(py: Python<'_>, error: &PyErr) -> Failure {
    let kind = if error.is_instance_of::<PyImportError>(py) {
        FailureKind::ModuleMissing
    } else if error.is_instance_of::<PyValueError>(py) {
        FailureKind::Refused
    } else {
        FailureKind::Raised
    };
    if kind != FailureKind::Refused {
        error.display(py);
    }
    Failure { kind, message: error.to_string() }
}
