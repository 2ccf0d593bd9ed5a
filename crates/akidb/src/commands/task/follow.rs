//! Waiting for a task that a command has begun.

use std::time::Duration;

use akidb_client::{Client, Request};
use serde_json::Value;

use super::TASKS;
use crate::{
    failure::{ExitStatus, Failure, Result},
    waiting::{Step, following},
};

/// How often the node is asked how far it is.
const ASK_EVERY: Duration = Duration::from_millis(200);

/// The task when it is over. `doing` is shown meanwhile, `failure` says what was not done.
pub(in crate::commands) async fn ended(
    client: &Client,
    task: &Value,
    doing: &str,
    failure: &str,
) -> Result<Value> {
    let [version, tasks] = TASKS;
    let id = task["id"].as_str().unwrap_or_default();
    following(doing, ASK_EVERY, async || {
        let task: Value = client.send(Request::get(&[version, tasks, id])).await?;
        match task["state"].as_str() {
            Some("succeeded") => Ok(Step::Done(task)),
            Some("pending" | "running") => {
                Ok(Step::Part(task["progress"].as_f64().unwrap_or_default()))
            }
            _ => {
                let reason = task["error"]["message"].as_str().unwrap_or("it was cancelled");
                Err(Failure::new(ExitStatus::FAILURE, format!("{failure}: {reason}")))
            }
        }
    })
    .await
}
