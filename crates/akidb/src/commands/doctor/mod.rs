//! `akidb doctor`: looks at what a node needs before one is started, and says what mends what is
//! not as it must be.
//!
//! It changes nothing. Scope: the order of the checks and how findings are shown. What is looked at
//! is in `machine`, `catalogue` and `embedding`; what MLX needs, `akidb_embedding` knows.

mod catalogue;
mod embedding;
mod machine;

use akidb_embedding::mlx::{Finding, Verdict};
use clap::Args;
use serde_json::{Value, json};

use crate::{
    failure::{ExitStatus, Failure, Result},
    printer::{self, OutputFormat, Printer},
    settings::{ConfigurationArgs, SettingFlags, Sources, resolve},
    waiting::waiting,
};

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  $ akidb doctor
  $ akidb doctor --config akidb.toml --output json

Looks at the configuration, the data directory, the models, Python and MLX where the configured
backend is mlx, and the ports. Changes nothing. Ends with exit code 1 when something is bad.")]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    flags: SettingFlags,
}

pub(crate) async fn run(
    args: DoctorArgs,
    configuration: &ConfigurationArgs,
    printer: Printer,
) -> Result {
    let mut findings = vec![machine::version()];
    let sources = Sources::read(configuration, args.flags.given());
    match sources.and_then(|sources| Ok(resolve(&sources)?.settings)) {
        Err(failure) => findings.push(from_failure("configuration", failure)),
        Ok(settings) => {
            findings.push(machine::configuration(configuration));
            findings.push(machine::data_directory(&settings.storage.data_dir));
            findings.push(machine::disk(&settings.storage));
            findings.extend(catalogue::look(&settings.storage.data_dir).await);
            findings.extend(machine::ports(&settings.server).await);
            let look = move || embedding::look(&settings.embedding);
            let looked = waiting("looking at models", tokio::task::spawn_blocking(look)).await;
            findings.extend(looked.unwrap_or_else(|error| {
                vec![Finding::bad("embedding", &format!("the check was cut short: {error}"))]
            }));
        }
    }
    printer.answer(&as_json(&findings), || as_table(&findings))?;
    if printer.output() == OutputFormat::Table {
        what_mends(&findings, printer)?;
    }
    match findings.iter().filter(|finding| finding.verdict == Verdict::Bad).count() {
        0 => Ok(()),
        bad => {
            let message = format!("{bad} of {} findings are bad", findings.len());
            Err(Failure::new(ExitStatus::FAILURE, message).hint("what mends each is told above"))
        }
    }
}

/// A failure of another command, found before that command.
fn from_failure(subject: &'static str, failure: Failure) -> Finding {
    Finding { hint: failure.hint, ..Finding::bad(subject, &failure.message) }
}

const fn state(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Good => "good",
        Verdict::Bad => "bad",
        Verdict::Skipped => "skipped",
    }
}

fn as_json(findings: &[Finding]) -> Value {
    let list = findings.iter().map(|finding| {
        json!({
            "subject": finding.subject,
            "state": state(finding.verdict),
            "message": finding.message,
            "hint": finding.hint,
        })
    });
    json!({ "findings": list.collect::<Vec<_>>() })
}

fn as_table(findings: &[Finding]) -> comfy_table::Table {
    let mut table = printer::table(["subject", "state", "found"]);
    table.add_rows(
        findings.iter().map(|finding| [finding.subject, state(finding.verdict), &finding.message]),
    );
    table
}

/// Below the table and not in it, so that a command is whole and can be copied.
fn what_mends(findings: &[Finding], printer: Printer) -> Result {
    let mended =
        findings.iter().filter_map(|finding| Some((finding.subject, finding.hint.as_ref()?)));
    for (place, (subject, hint)) in mended.enumerate() {
        if place == 0 {
            printer.line("what mends it:")?;
        }
        printer.line(format_args!("  {subject}: {hint}"))?;
    }
    Ok(())
}
