//! What a person sees while something takes its time: a line on stderr, where that is a terminal.
//!
//! Work whose end is known has a bar of its own, beside the command that does it.

use std::{io::IsTerminal, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::{Instant, sleep, sleep_until};

/// What is done sooner is not worth a line.
const SHOWN_AFTER: Duration = Duration::from_millis(700);
const REDRAW_EVERY: Duration = Duration::from_millis(100);

/// Waits for `work`, and says so after a moment.
pub(crate) async fn waiting<T>(what: &str, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    if !std::io::stderr().is_terminal() {
        return work.await;
    }
    tokio::select! {
        outcome = &mut work => outcome,
        () = sleep(SHOWN_AFTER) => {
            let line = Line::new(what);
            let outcome = work.await;
            line.bar.finish_and_clear();
            outcome
        }
    }
}

/// Waits for `work`, and shows how much of it is done, from 0 to 1, as `ask` tells now and then.
pub(crate) async fn following<T, E>(
    what: &str,
    every: Duration,
    mut ask: impl AsyncFnMut() -> Result<Step<T>, E>,
) -> Result<T, E> {
    let shown_at = Instant::now() + SHOWN_AFTER;
    let mut line: Option<Line> = None;
    loop {
        let step = ask().await?;
        let done = match step {
            Step::Done(outcome) => {
                line.inspect(|line| line.bar.finish_and_clear());
                return Ok(outcome);
            }
            Step::Part(done) => done,
        };
        if line.is_none() && Instant::now() >= shown_at && std::io::stderr().is_terminal() {
            line = Some(Line::new(what));
        }
        if let Some(line) = &line {
            line.bar.set_message(format!("{what}, {:.0} %", done * 100.0));
        }
        sleep_until(Instant::now() + every).await;
    }
}

/// How far something is.
pub(crate) enum Step<T> {
    /// So much of it, from 0 to 1.
    Part(f64),
    /// All of it.
    Done(T),
}

struct Line {
    bar: ProgressBar,
}

impl Line {
    fn new(what: &str) -> Self {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg} {elapsed}") {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        bar.enable_steady_tick(REDRAW_EVERY);
        Self { bar }
    }
}
