//! `cargo xtask test`: installs what the tests need and runs all of them.

use std::ffi::OsString;

use anyhow::Result;

use crate::{
    build, docs,
    mlx::Mlx,
    model,
    process::{self, cargo, program},
    python,
    tools::NEXTEST,
};

/// What to run.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Passed on to `cargo nextest run`: names of tests, `--profile ci`, `-p akidb-core`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    nextest: Vec<OsString>,
}

/// The tests whose texts the real model embeds, once more by MLX, which takes all cores for each.
const BY_MLX: [&str; 4] = [
    "--test-threads",
    "1",
    "-E",
    "binary(it) & package(akidb) & test(/^(meaning|real_model|openai)::/)",
];

/// Documentation tests first, so that the last line is the summary of the others. A failure of
/// the first does not hide the second.
pub(crate) fn run(options: &Options) -> Result<()> {
    model::fetch()?;
    let python = python::with_clients()?;
    let mlx = Mlx::set_up()?;
    let nextest = NEXTEST.ensure()?;
    let akidb = build::tests_and_node()?;
    let models_dir = model::install(&akidb)?;
    let documentation = process::run(cargo().args(["test", "--doc", "--workspace", "--quiet"]));
    let model_dir = models_dir.join(model::NAME);
    let is_plain = options.nextest_is_plain();
    let module = if is_plain { mlx.test_module(&model_dir) } else { Ok(()) };
    let pages = match is_plain {
        true => docs::check(
            &docs::Tools { akidb, models_dir: models_dir.clone(), python: python.clone() },
            &[],
        ),
        false => Ok(()),
    };
    let nextest = || {
        let mut command = process::with_python(program(&nextest));
        command
            .args(["nextest", "run", "--workspace"])
            .env("AKIDB_TEST_MODELS_DIR", &models_dir)
            .env("AKIDB_TEST_PYTHON", &python)
            .env("AKIDB_TEST_MLX_PYTHON", &mlx.python)
            .envs(mlx.openblas.iter().map(|path| ("AKIDB_TEST_OPENBLAS", path)))
            .env("AKIDB_TEST_MODEL_DIR", &model_dir);
        command
    };
    let texts_by_mlx = match is_plain {
        true if mlx.is_fast() => process::run(
            nextest().args(&options.nextest).args(BY_MLX).env("AKIDB_TEST_BACKEND", "mlx"),
        ),
        true => {
            eprintln!(
                "SKIPPED: the tests of texts by MLX, which take too long without OpenBLAS\n\
                 hint: install it (Debian: apt-get install libopenblas0-pthread)"
            );
            Ok(())
        }
        false => Ok(()),
    };
    process::run(nextest().args(&options.nextest))?;
    documentation.and(pages).and(module).and(texts_by_mlx)
}

impl Options {
    /// Whether all tests are asked for, whatever the profile.
    fn nextest_is_plain(&self) -> bool {
        let is_profile = |words: &[OsString]| words.first().is_some_and(|word| word == "--profile");
        self.nextest.is_empty() || (self.nextest.len() == 2 && is_profile(&self.nextest))
    }
}
