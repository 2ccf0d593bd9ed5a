//! Two equal nodes, one behind each door, and the comparison of what they answer.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use akidb_core::ErrorCode;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    answer::{Answer, is_same_fault, settled},
    cases::{Case, Expect},
    grpc::GrpcDoor,
    request::{Memory, Operation, Request},
    rest::RestDoor,
};
use crate::node::{Backend, Node, scratch};

/// What embeds texts has so many values.
pub(crate) const MODEL_DIMENSION: usize = 8;

/// Starts a node whose answers are short.
pub(crate) fn small_node() -> (TempDir, Node) {
    let (folder, data_dir) = scratch();
    let node = Node::start_with(&data_dir, Backend::Hash, |command| {
        command.env("AKIDB_EMBEDDING__DIMENSION", MODEL_DIMENSION.to_string());
        command.env("AKIDB_EMBEDDING__ADDITIONAL_MODELS", "[hash-reranker]");
    });
    (folder, node)
}

/// Far more than what a node does by itself takes on a busy machine.
const BY_ITSELF_WITHIN: Duration = Duration::from_secs(120);

/// Both doors, each of its own node.
pub(crate) struct Doors {
    pub(crate) rest: RestDoor,
    pub(crate) grpc: GrpcDoor,
    rest_memory: Memory,
    grpc_memory: Memory,
    /// The state after the last refusal, where nothing came in between.
    state: Option<Value>,
    _nodes: [(TempDir, Node); 2],
}

impl Doors {
    pub(crate) async fn start() -> Self {
        let nodes = [small_node(), small_node()];
        Self {
            rest: RestDoor::new(&nodes[0].1),
            grpc: GrpcDoor::connect(&nodes[1].1).await,
            rest_memory: Memory::default(),
            grpc_memory: Memory::default(),
            state: None,
            _nodes: nodes,
        }
    }

    /// Asks all cases in order and reports every one that did not go as it says.
    pub(crate) async fn run(&mut self, cases: impl IntoIterator<Item = Case>) {
        let mut complaints = String::new();
        for case in cases {
            if let Err(complaint) = self.check(&case).await {
                writeln!(complaints, "{}\n    {complaint}\n", case.request).unwrap();
            }
        }
        assert!(complaints.is_empty(), "\n{complaints}");
    }

    async fn check(&mut self, case: &Case) -> Result<(), String> {
        let began = Instant::now();
        loop {
            let checked = self.check_once(case).await;
            if checked.is_ok() || !case.by_itself || began.elapsed() > BY_ITSELF_WITHIN {
                return checked;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn check_once(&mut self, case: &Case) -> Result<(), String> {
        match &case.expect {
            Expect::Answer(parts) => {
                self.state = None;
                let answer = self.ask(&case.request, case.in_own_words).await?;
                let answer = answer.map_err(|fault| format!("was refused: {fault:?}"))?;
                parts.iter().try_for_each(|(pointer, expected)| {
                    let found = answer.pointer(pointer).unwrap_or(&Value::Null);
                    same(pointer, found, expected)
                })
            }
            Expect::Refusal(code, says) => {
                let before = match self.state.take() {
                    Some(state) => state,
                    None => self.state().await?,
                };
                let answer = self.ask(&case.request, case.in_own_words).await?;
                let after = self.state().await?;
                same("the state", &before, &after)?;
                self.state = Some(after);
                check_refusal(answer, *code, says)
            }
        }
    }

    /// What both doors answer to the same request, or how they differ.
    pub(crate) async fn ask(
        &mut self,
        request: &Request,
        in_own_words: bool,
    ) -> Result<Answer, String> {
        match self.ask_each(request).await {
            (_, None) => Err("the messages of gRPC can not say this".to_owned()),
            (rest, Some(grpc)) => compared(rest, grpc, in_own_words),
        }
    }

    /// Asks REST, and gRPC where its messages can say the request.
    pub(crate) async fn ask_each(&mut self, request: &Request) -> (Answer, Option<Answer>) {
        let rest = self.rest.ask(&request.filled(&self.rest_memory)).await;
        let grpc = self.grpc.ask(&request.filled(&self.grpc_memory)).await;
        if let (Ok(rest), Some(Ok(grpc))) = (&rest, &grpc) {
            self.rest_memory.learn(rest);
            self.grpc_memory.learn(grpc);
        }
        (rest.map(settled), grpc.map(|grpc| grpc.map(settled)))
    }

    /// Everything that a refused request might have changed: the collections, and of each the
    /// number of its documents and of its last write.
    pub(crate) async fn state(&mut self) -> Result<Value, String> {
        let listed = self.succeed(Operation::ListCollections, "").await?;
        let names = listed["collections"].as_array().unwrap().iter();
        let names: Vec<_> = names.map(|listed| listed["name"].as_str().unwrap()).collect();
        let mut state = Vec::new();
        for name in names {
            state.push(self.succeed(Operation::DescribeCollection, name).await?);
        }
        Ok(state.into())
    }

    async fn succeed(&mut self, operation: Operation, collection: &str) -> Result<Value, String> {
        let request = Request::new(operation, collection, json!({}));
        self.ask(&request, false).await?.map_err(|fault| format!("{request} failed: {fault:?}"))
    }
}

/// The one answer of both doors, or how they differ.
pub(crate) fn compared(rest: Answer, grpc: Answer, in_own_words: bool) -> Result<Answer, String> {
    let is_same = match (&rest, &grpc) {
        (Ok(rest), Ok(grpc)) => rest == grpc,
        (Err(rest), Err(grpc)) if in_own_words => {
            (rest.code, rest.retryable, &rest.outcome) == (grpc.code, grpc.retryable, &grpc.outcome)
        }
        (Err(rest), Err(grpc)) => is_same_fault(rest, grpc),
        _ => false,
    };
    if is_same { Ok(rest) } else { Err(format!("REST: {rest:?}\n    gRPC: {grpc:?}")) }
}

fn check_refusal(answer: Answer, code: ErrorCode, says: &str) -> Result<(), String> {
    let fault = match answer {
        Ok(answer) => return Err(format!("was not refused: {answer}")),
        Err(fault) => fault,
    };
    same("the code", &fault.code.as_str().into(), &code.as_str().into())?;
    same("the outcome", &fault.outcome.as_str().into(), &"not_applied".into())?;
    if !fault.message.contains(says) {
        return Err(format!("says {:?}, not {says:?}", fault.message));
    }
    // The message is read by people, the place also by programs.
    match fault.violations.first() {
        Some(first) if !fault.message.contains(&first.field) => {
            Err(format!("{:?} does not name {:?}", fault.message, first.field))
        }
        _ => Ok(()),
    }
}

fn same(what: &str, found: &Value, expected: &Value) -> Result<(), String> {
    let is_same = found == expected;
    is_same.then_some(()).ok_or_else(|| format!("{what} is {found}, not {expected}"))
}
