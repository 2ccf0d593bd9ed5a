//! ONNX Runtime and NumPy's BLAS, in one Python process. Each measures its own run there.

use std::{cell::RefCell, ffi::OsStr, path::Path, rc::Rc, time::Duration};

use akidb_embedding::Precision;
use serde::{Deserialize, Serialize};

use super::{Batch, Encoder, Role};
use crate::python::{Script, Threads};

const SOURCE: &str = include_str!("../../python/encode_onnx.py");

/// One engine of the script.
pub(super) struct OnnxScript {
    script: Rc<RefCell<Script>>,
    engine: usize,
    name: String,
    role: Role,
    precision: Precision,
}

/// What the script says when it has loaded everything.
#[derive(Deserialize)]
struct Ready {
    onnxruntime: String,
    numpy: String,
}

#[derive(Serialize)]
struct Ask<'a> {
    engine: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    texts: Option<&'a Batch>,
}

#[derive(Deserialize)]
struct Prepared {
    vectors: Vec<Vec<f32>>,
}

#[derive(Deserialize)]
struct Ran {
    wall_s: f64,
}

impl OnnxScript {
    /// Starts the script, which makes its models from the weights in `model`.
    pub(super) fn start_all(
        model: &Path,
        threads: usize,
        python: &Path,
    ) -> anyhow::Result<Vec<Self>> {
        let count = threads.to_string();
        let arguments: [&OsStr; 2] = [model.as_os_str(), count.as_ref()];
        let mut script = Script::start(python, SOURCE, &arguments, Threads::Exactly(threads))?;
        let Ready { onnxruntime, numpy } = script.answer()?;
        let script = Rc::new(RefCell::new(script));
        let onnx = format!("onnxruntime {onnxruntime}");
        let engines = [
            (format!("{onnx} f32"), Role::Other, Precision::F32),
            (format!("{onnx} int8 dynamic"), Role::Other, Precision::Int8),
            (format!("products only, numpy {numpy}"), Role::Limit, Precision::F32),
        ];
        let engines = engines.into_iter().enumerate();
        let engine = |(engine, (name, role, precision))| Self {
            script: Rc::clone(&script),
            engine,
            name,
            role,
            precision,
        };
        Ok(engines.map(engine).collect())
    }

    fn ask<T: for<'a> Deserialize<'a>>(&self, texts: Option<&Batch>) -> anyhow::Result<T> {
        let mut script = self.script.borrow_mut();
        script.say(&Ask { engine: self.engine, texts })?;
        script.answer()
    }
}

impl Encoder for OnnxScript {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn role(&self) -> Role {
        self.role
    }

    fn precision(&self) -> Precision {
        self.precision
    }

    fn prepare(&mut self, batch: &Batch) -> anyhow::Result<Vec<Vec<f32>>> {
        Ok(self.ask::<Prepared>(Some(batch))?.vectors)
    }

    fn run(&mut self) -> anyhow::Result<Duration> {
        Ok(Duration::from_secs_f64(self.ask::<Ran>(None)?.wall_s))
    }
}
