//! What waits, in two lanes, counted in tokens; equal texts wait once.
//!
//! Out of scope: locks, threads and clocks; the time is passed in. How large a batch may be is
//! `throughput`'s to say.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    Embedding, Lane,
    admission::{Ahead, Room},
    request::PendingRequest,
    shares::{Sender, Shares},
};
use crate::{error::EmbedError, identity::Pooling};

/// Everything that a backend is told of a text: equal ones have equal vectors.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Encoding {
    /// At least one.
    pub(super) token_ids: Vec<u32>,
    pub(super) pooling: Pooling,
    pub(super) normalize: bool,
    /// Of a pair, where the tokens of the document begin.
    pub(super) document_start: Option<usize>,
}

/// One place of one request that a vector is for.
#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) request: Arc<PendingRequest>,
    /// The text's place in its request.
    pub(super) index: usize,
    pub(super) is_truncated: bool,
    pub(super) unknown_tokens: u32,
    /// Whether the vector is worth keeping, since the same is likely to be asked for again.
    pub(super) is_query: bool,
    pub(super) deadline: Option<Instant>,
}

impl Waiter {
    /// Gives the request the vector of a text of so many tokens.
    pub(super) fn answer(&self, vector: &[f32], tokens: usize) {
        let embedding = Embedding {
            values: vector.to_vec(),
            tokens: u32::try_from(tokens).unwrap_or(u32::MAX),
            truncated: self.is_truncated,
            unknown_tokens: self.unknown_tokens,
        };
        self.request.complete(self.index, embedding);
    }

    /// Whether there is still a use in its vector; answers its request when it is too late.
    fn is_wanted(&self, now: Instant) -> bool {
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            self.request.fail(EmbedError::DeadlineExceeded);
        }
        !self.request.is_settled()
    }
}

/// A text that is encoded once, for all who wait for it.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) encoding: Arc<Encoding>,
    /// At least one, in the order of their arrival.
    pub(super) waiters: Vec<Waiter>,
    /// Whose share of the lane it takes: of the first who waits for it.
    sender: Sender,
    enqueued_at: Instant,
}

impl Task {
    pub(super) fn tokens(&self) -> usize {
        self.encoding.token_ids.len()
    }

    /// Whether nobody waits for its vector any more.
    pub(super) fn is_settled(&self) -> bool {
        self.waiters.iter().all(|waiter| waiter.request.is_settled())
    }

    /// Forgets those who do not wait any more. Says whether somebody still does.
    fn is_wanted(&mut self, now: Instant) -> bool {
        self.waiters.retain(|waiter| waiter.is_wanted(now));
        !self.waiters.is_empty()
    }
}

/// There is no room for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoRoom {
    /// Those of the request's distinct texts.
    pub(super) request_tokens: usize,
    pub(super) ahead: Ahead,
}

/// The most that a batch may hold; a single longer text still runs, alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BatchLimit {
    pub(super) texts: usize,
    pub(super) tokens: usize,
}

/// Which lanes an owner thread serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Duty {
    /// Both: the backend has one thread to run it.
    BothLanes,
    /// The interactive lane. Bulk texts that were passed over for too long also get a turn, for
    /// where the other thread gets no processor.
    Interactive,
    /// The bulk lane.
    Bulk,
}

/// The tasks of one lane, in the order in which they run.
#[derive(Debug, Default)]
struct Waiting {
    tasks: BTreeMap<Turn, Task>,
    turns: HashMap<Arc<Encoding>, Turn>,
    next_ticket: u64,
    shares: Shares,
    tokens: usize,
    /// Requests that came since the last batch was taken.
    arrivals: usize,
}

/// When a task runs: the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Turn {
    start: u64,
    /// In the order of arrival.
    ticket: u64,
}

impl Waiting {
    /// The tokens by which `items` would make the lane longer.
    fn added_tokens(&self, items: &[(Encoding, Waiter)]) -> usize {
        let new = distinct(items).filter(|encoding| !self.turns.contains_key(*encoding));
        new.map(|encoding| encoding.token_ids.len()).sum()
    }

    /// What a request that adds so many tokens finds.
    fn ahead(&self, sender: Sender, added: usize) -> Ahead {
        Ahead { before: self.shares.before(sender, added), in_lane: self.tokens }
    }

    fn add(&mut self, encoding: Encoding, waiter: Waiter, sender: Sender, now: Instant) {
        if let Some(task) = self.turns.get(&encoding).and_then(|turn| self.tasks.get_mut(turn)) {
            task.waiters.push(waiter);
            return;
        }
        let encoding = Arc::new(encoding);
        let tokens = encoding.token_ids.len();
        self.tokens += tokens;
        let turn = Turn { start: self.shares.add(sender, tokens), ticket: self.next_ticket };
        self.next_ticket += 1;
        self.turns.insert(Arc::clone(&encoding), turn);
        let task = Task { encoding, waiters: vec![waiter], sender, enqueued_at: now };
        self.tasks.insert(turn, task);
    }

    fn first(&self) -> Option<&Task> {
        self.tasks.first_key_value().map(|(_, task)| task)
    }

    fn take_first(&mut self) -> Option<Task> {
        let (turn, task) = self.tasks.pop_first()?;
        self.turns.remove(&task.encoding);
        self.tokens -= task.tokens();
        self.shares.advance(turn.start);
        self.shares.remove(task.sender, task.tokens());
        Some(task)
    }

    fn drop_unwanted(&mut self, now: Instant) {
        let Self { tasks, turns, tokens, shares, .. } = self;
        tasks.retain(|_, task| {
            let is_wanted = task.is_wanted(now);
            if !is_wanted {
                turns.remove(&task.encoding);
                *tokens -= task.tokens();
                shares.remove(task.sender, task.tokens());
            }
            is_wanted
        });
    }
}

/// The two lanes.
#[derive(Debug, Default)]
pub(super) struct TaskQueue {
    interactive: Waiting,
    bulk: Waiting,
    last_bulk_batch_at: Option<Instant>,
}

impl TaskQueue {
    /// The distinct texts that wait.
    pub(super) fn len(&self) -> usize {
        self.interactive.tasks.len() + self.bulk.tasks.len()
    }

    /// The tokens of the distinct texts that wait in one lane.
    pub(super) fn lane_tokens(&self, lane: Lane) -> usize {
        self.lane(lane).tokens
    }

    /// What a request that adds so many tokens finds in its lane.
    pub(super) fn ahead(&self, lane: Lane, sender: Sender, added: usize) -> Ahead {
        self.lane(lane).ahead(sender, added)
    }

    /// Requests that came into a lane since its last batch was taken.
    pub(super) fn arrivals(&self, lane: Lane) -> usize {
        self.lane(lane).arrivals
    }

    /// Queues all texts of a request, or none where there is no room for them in their lane. A text
    /// that waits in the lane already only gets one more who waits for it.
    pub(super) fn admit(
        &mut self,
        items: Vec<(Encoding, Waiter)>,
        (lane, sender): (Lane, Sender),
        room: &Room,
        now: Instant,
    ) -> Result<(), NoRoom> {
        let waiting = self.lane_mut(lane);
        let fits = |waiting: &Waiting| {
            let added = waiting.added_tokens(&items);
            room.fits(waiting.ahead(sender, added), added)
        };
        if !fits(waiting) {
            waiting.drop_unwanted(now);
        }
        if !fits(waiting) {
            let tokens = distinct(&items).map(|encoding| encoding.token_ids.len());
            let request_tokens = tokens.sum();
            return Err(NoRoom { request_tokens, ahead: waiting.ahead(sender, request_tokens) });
        }
        waiting.arrivals += 1;
        for (encoding, waiter) in items {
            waiting.add(encoding, waiter, sender, now);
        }
        Ok(())
    }

    /// Takes out of a lane what nobody wants any more.
    pub(super) fn drop_unwanted(&mut self, lane: Lane, now: Instant) {
        self.lane_mut(lane).drop_unwanted(now);
    }

    /// The lane whose turn it is: interactive first, unless bulk has been passed over for `ageing`.
    ///
    /// The time counts from the last bulk batch, so that a long bulk backlog gets one batch every
    /// `ageing` and does not shut out the interactive lane in its turn.
    pub(super) fn next_lane(&self, duty: Duty, ageing: Duration, now: Instant) -> Option<Lane> {
        let interactive = (!self.interactive.tasks.is_empty()).then_some(Lane::Interactive);
        let bulk = self.bulk.first().map(|_| Lane::Bulk);
        match duty {
            Duty::Bulk => bulk,
            Duty::Interactive | Duty::BothLanes if self.bulk_has_aged(ageing, now) => {
                // A thread of its own serves bulk, unless it gets no processor for queries.
                if duty == Duty::BothLanes { bulk } else { interactive.and(bulk) }
            }
            Duty::Interactive => interactive,
            Duty::BothLanes => interactive.or(bulk),
        }
    }

    fn bulk_has_aged(&self, ageing: Duration, now: Instant) -> bool {
        self.bulk.first().is_some_and(|oldest| {
            let last = self.last_bulk_batch_at.unwrap_or(oldest.enqueued_at);
            let passed_over_since = last.max(oldest.enqueued_at);
            now.saturating_duration_since(passed_over_since) >= ageing
        })
    }

    /// Takes the next batch of a lane: in the order of turns, since backends pack texts without
    /// padding and gain nothing from equal lengths. Empty when nothing in it is wanted any more.
    pub(super) fn take_batch(&mut self, lane: Lane, limit: BatchLimit, now: Instant) -> Vec<Task> {
        let waiting = self.lane_mut(lane);
        waiting.arrivals = 0;
        let mut batch = Vec::new();
        let mut tokens = 0;
        while batch.len() < limit.texts.max(1)
            && let Some(next) = waiting.first()
            && (batch.is_empty() || tokens + next.tokens() <= limit.tokens)
            && let Some(mut task) = waiting.take_first()
        {
            if task.is_wanted(now) {
                tokens += task.tokens();
                batch.push(task);
            }
        }
        if lane == Lane::Bulk && !batch.is_empty() {
            self.last_bulk_batch_at = Some(now);
        }
        batch
    }

    const fn lane(&self, lane: Lane) -> &Waiting {
        match lane {
            Lane::Interactive => &self.interactive,
            Lane::Bulk => &self.bulk,
        }
    }

    const fn lane_mut(&mut self, lane: Lane) -> &mut Waiting {
        match lane {
            Lane::Interactive => &mut self.interactive,
            Lane::Bulk => &mut self.bulk,
        }
    }
}

fn distinct(items: &[(Encoding, Waiter)]) -> impl Iterator<Item = &Encoding> {
    items.iter().map(|(encoding, _)| encoding).collect::<HashSet<_>>().into_iter()
}

#[cfg(test)]
mod tests;
