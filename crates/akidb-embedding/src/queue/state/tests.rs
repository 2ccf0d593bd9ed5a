//! Overload without a clock: requests come, a backend of a known speed runs, and time is a number
//! that steps on.

use std::{collections::HashMap, sync::Arc};

use tokio::sync::oneshot::{Receiver, error::TryRecvError};

use super::*;
use crate::{
    error::QueueLimit,
    identity::Pooling,
    queue::{Embedding, request::PendingRequest, shares::Sender},
};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
/// What the backend runs, besides the time that every batch takes.
const TOKENS_PER_SECOND: f64 = 10_000.0;
const BATCH_TAKES: Duration = Duration::from_millis(2);
/// An insert of a few documents.
const INSERT: &[usize] = &[100; 8];
const INSERT_TOKENS: usize = 800;

type Answer = Result<Vec<Embedding>, EmbedError>;

/// Somebody whose texts wait.
struct Client {
    lane: Lane,
    sender: Sender,
    tokens: usize,
    came: Duration,
    answer: Receiver<Answer>,
}

/// What became of requests.
#[derive(Default)]
struct Done {
    /// Tokens of those that were answered.
    tokens: usize,
    /// The longest time to an answer.
    longest: Duration,
    /// Requests that were let in and answered too late.
    late: usize,
}

struct World {
    state: QueueState,
    settings: QueueSettings,
    start: Instant,
    now: Duration,
    running: Option<(Lane, Vec<Task>, Duration)>,
    clients: Vec<Client>,
    next_text: u32,
    queries: Done,
    inserts: Done,
    /// Inserts too, by who has sent them.
    shares: HashMap<Sender, Done>,
    /// Who sends now.
    sender: Sender,
}

impl World {
    fn new(settings: QueueSettings) -> Self {
        Self {
            state: QueueState::default(),
            settings,
            start: Instant::now(),
            now: Duration::ZERO,
            running: None,
            clients: Vec::new(),
            next_text: 0,
            queries: Done::default(),
            inserts: Done::default(),
            shares: HashMap::new(),
            sender: Sender::default(),
        }
    }

    fn at(&self) -> Instant {
        self.start + self.now
    }

    /// A request of texts with so many tokens each, all of them new.
    fn ask(
        &mut self,
        texts: &[usize],
        lane: Lane,
        patience: Duration,
        continues: bool,
    ) -> Result<(), EmbedError> {
        let (request, answer) = PendingRequest::new(texts.len(), Arc::default());
        let request = Arc::new(request);
        let deadline = Some(self.at() + patience);
        let mut items = Vec::new();
        for (index, tokens) in texts.iter().enumerate() {
            self.next_text += 1;
            let waiter = Waiter {
                request: Arc::clone(&request),
                index,
                is_truncated: false,
                unknown_tokens: 0,
                is_query: false,
                deadline,
            };
            let token_ids = vec![self.next_text; *tokens];
            items.push((
                Encoding {
                    token_ids,
                    pooling: Pooling::Mean,
                    normalize: true,
                    document_start: None,
                },
                waiter,
            ));
        }
        let demand = Demand { lane, sender: self.sender, deadline, following_tokens: 0, continues };
        self.state.admit(items, &demand, &self.settings, self.start + self.now)?;
        let tokens = texts.iter().sum();
        let sender = self.sender;
        self.clients.push(Client { lane, sender, tokens, came: self.now, answer });
        Ok(())
    }

    fn insert(&mut self) -> Result<(), EmbedError> {
        self.ask(INSERT, Lane::Bulk, 30 * SECOND, false)
    }

    /// Lets a millisecond pass, with one thread for both lanes.
    fn pass(&mut self) {
        self.now += MS;
        if let Some((lane, tasks, until)) = self.running.take_if(|(.., until)| *until <= self.now) {
            let tokens = tasks.iter().map(Task::tokens).sum();
            for waiter in tasks.iter().flat_map(|task| &task.waiters) {
                waiter.answer(&[1.0], 1);
            }
            let took = batch_time(tokens);
            self.state.note_batch(lane, tokens, tasks.len(), took, self.start + until);
            self.take_answers();
        }
        if self.running.is_none()
            && let Next::Batch(lane) = self.state.next(Duty::BothLanes, &self.settings, self.at())
        {
            let tasks = self.state.take(lane, &self.settings, self.at());
            let tokens = tasks.iter().map(Task::tokens).sum();
            self.running = Some((lane, tasks, self.now + batch_time(tokens)));
        }
    }

    fn take_answers(&mut self) {
        let Self { now, queries, inserts, shares, .. } = self;
        self.clients.retain_mut(|client| {
            let answer = client.answer.try_recv();
            if answer == Err(TryRecvError::Empty) {
                return true;
            }
            let mut counts = if client.lane == Lane::Interactive {
                vec![&mut *queries]
            } else {
                vec![&mut *inserts, shares.entry(client.sender).or_default()]
            };
            for done in &mut counts {
                if let Ok(Ok(_)) = answer {
                    done.tokens += client.tokens;
                    done.longest = done.longest.max(*now - client.came);
                } else {
                    done.late += 1;
                }
            }
            false
        });
    }

    /// Inserts of several senders, each at its own rate of tokens, for so long. Answers how many of each
    /// were refused.
    fn share(&mut self, rates: &[(Sender, f64)], time: Duration) -> Vec<usize> {
        let (until, mut refused) = (self.now + time, vec![0; rates.len()]);
        let mut owed = vec![0.0; rates.len()];
        while self.now < until {
            for (index, (sender, rate)) in rates.iter().enumerate() {
                owed[index] += rate / 1e3;
                while owed[index] >= INSERT_TOKENS as f64 {
                    owed[index] -= INSERT_TOKENS as f64;
                    self.sender = *sender;
                    refused[index] += usize::from(self.insert().is_err());
                }
            }
            self.pass();
        }
        refused
    }

    /// Inserts at a rate of tokens, and ten queries a second, for so long. Answers the inserts
    /// that were refused.
    fn run(&mut self, tokens_per_second: f64, time: Duration) -> usize {
        let (until, mut refused, mut owed) = (self.now + time, 0, 0.0);
        while self.now < until {
            owed += tokens_per_second / 1e3;
            while owed >= INSERT_TOKENS as f64 {
                owed -= INSERT_TOKENS as f64;
                refused += usize::from(self.insert().is_err());
            }
            if self.now.as_millis().is_multiple_of(100) {
                self.ask(&[8], Lane::Interactive, SECOND, false).expect("a query is let in");
            }
            self.pass();
        }
        refused
    }
}

fn batch_time(tokens: usize) -> Duration {
    BATCH_TAKES + Duration::from_secs_f64(tokens as f64 / TOKENS_PER_SECOND)
}

/// The tokens of inserts that are done in a second when there are always more.
fn capacity() -> f64 {
    let unbounded = QueueSettings {
        bulk_wait: Duration::MAX,
        queue_tokens: usize::MAX,
        ..QueueSettings::default()
    };
    let mut world = World::new(unbounded);
    (0..1_000).for_each(|_| drop(world.ask(INSERT, Lane::Bulk, 1_000 * SECOND, false)));
    world.run(0.0, 60 * SECOND);
    world.inserts.tokens as f64 / 60.0
}

#[test]
fn at_three_times_the_load_capacity_is_served_the_rest_refused_and_queries_are_as_fast() {
    let (capacity, settings) = (capacity(), QueueSettings::default());
    for load in [3.0, 5.0] {
        let mut world = World::new(settings.clone());
        let refused = world.run(capacity * load, 120 * SECOND);
        let served = world.inserts.tokens as f64 / 120.0;
        assert!(served >= 0.9 * capacity, "{served} of {capacity} tokens a second at {load}");
        assert_eq!((world.inserts.late, world.queries.late), (0, 0), "who is let in is in time");
        let waited = world.inserts.longest;
        assert!(waited <= settings.bulk_wait + SECOND, "{waited:?}");
        let asked = capacity * load * 120.0 / INSERT_TOKENS as f64;
        assert!(refused as f64 > asked * (1.0 - 1.2 / load), "{refused} of {asked}");
        // One batch of inserts, which is at least one text, may be before a query.
        let limit = batch_time(INSERT[0]) + batch_time(8) + 2 * MS;
        assert!(world.queries.longest <= limit, "{:?}", world.queries.longest);
    }
}

/// Fills the lane until an insert is refused.
fn overloaded(settings: QueueSettings) -> (World, EmbedError) {
    let mut world = World::new(settings);
    world.run(3.0 * TOKENS_PER_SECOND, 30 * SECOND);
    let refused = loop {
        if let Err(refused) = world.insert() {
            break refused;
        }
    };
    (world, refused)
}

#[test]
fn who_comes_back_when_told_is_let_in_and_who_comes_sooner_is_not() {
    for settings in [
        QueueSettings::default(),
        QueueSettings { bulk_wait: 2 * SECOND, ..QueueSettings::default() },
        QueueSettings { queue_tokens: 40_000, ..QueueSettings::default() },
    ] {
        let (mut world, refused) = overloaded(settings.clone());
        let EmbedError::QueueFull { retry_after, .. } = refused else { panic!("{refused:?}") };
        let comes_back = world.now + retry_after;
        while world.now + retry_after / 2 < comes_back {
            world.pass();
        }
        // The shortest time that is told is longer than it takes a batch to make room.
        let is_shortest = retry_after <= 100 * MS;
        assert!(is_shortest || world.insert().is_err(), "too soon: {settings:?}");
        while world.now < comes_back + 20 * MS {
            world.pass();
        }
        assert_eq!(world.insert(), Ok(()), "after {retry_after:?}: {settings:?}");
    }
}

#[test]
fn what_would_miss_its_own_deadline_is_refused_unless_it_goes_on_or_nothing_waits() {
    let (mut world, _) = overloaded(QueueSettings::default());
    // Room by the wait that the lane allows, not by a deadline of two seconds.
    (0..3_000).for_each(|_| world.pass());
    let refused = world.ask(INSERT, Lane::Bulk, 2 * SECOND, false).unwrap_err();
    let EmbedError::QueueFull { limit: QueueLimit::Deadline { wait, left }, retry_after, .. } =
        refused
    else {
        panic!("{refused:?}");
    };
    assert_eq!(left, 2 * SECOND);
    // What waits takes longer than the deadline allows by about the time that is told.
    assert!(wait > 4 * SECOND && retry_after > 2 * SECOND, "{wait:?}, {retry_after:?}");
    assert!(retry_after < wait, "{wait:?}, {retry_after:?}");
    assert_eq!(world.insert(), Ok(()), "one with more time is let in");
    assert_eq!(world.ask(INSERT, Lane::Bulk, 2 * SECOND, true), Ok(()), "so is one that goes on");
    while !world.clients.is_empty() {
        world.pass();
    }
    let large = [1_000; 200];
    assert_eq!(world.ask(&large, Lane::Bulk, SECOND, false), Ok(()), "nothing waits");
}

#[test]
fn until_the_speed_is_known_only_memory_bounds_the_queue_and_a_full_one_refuses_unread_texts() {
    let mut world = World::new(QueueSettings::default());
    let mut inserts = 0;
    let refused = loop {
        match world.insert() {
            Ok(()) => inserts += 1,
            Err(refused) => break refused,
        }
    };
    assert_eq!(inserts, world.settings.queue_tokens / INSERT_TOKENS);
    let limit = QueueLimit::Tokens { tokens: world.settings.queue_tokens };
    assert!(matches!(refused, EmbedError::QueueFull { limit: found, .. } if found == limit));
    let (mut world, _) = overloaded(QueueSettings::default());
    let (settings, now) = (world.settings.clone(), world.at());
    let demand = |lane| {
        let sender = Sender::default();
        Demand { lane, sender, deadline: None, following_tokens: 0, continues: false }
    };
    let early =
        |world: &mut World, lane| world.state.refuse_early(9, &demand(lane), &settings, now);
    assert!(matches!(early(&mut world, Lane::Bulk), Err(EmbedError::QueueFull { .. })));
    assert_eq!(early(&mut world, Lane::Interactive), Ok(()), "lanes do not fill each other");
    let huge = world.ask(&[300_000], Lane::Bulk, SECOND, false);
    assert!(matches!(huge, Err(EmbedError::RequestTooLarge { .. })), "{huge:?}");
}

#[test]
fn who_sends_little_does_not_wait_for_what_another_has_sent() {
    let mut world = World::new(QueueSettings::default());
    let [much, little] = ["much", "little"].map(Sender::named);
    // An insert a second is far below an equal share.
    let rates = [(much, 3.0 * capacity()), (little, INSERT_TOKENS as f64)];
    let refused = world.share(&rates, 60 * SECOND);
    assert!(refused[0] > 0, "there is always more of the one");
    assert_eq!(refused[1], 0, "and the other is always let in");
    let (much, little) = (&world.shares[&much], &world.shares[&little]);
    assert!(much.longest > 5 * SECOND, "{:?}", much.longest);
    // Its own tokens, as many of the other one, and the batch that runs.
    let limit = 2 * batch_time(2 * INSERT_TOKENS);
    assert!(little.longest <= limit, "{:?}", little.longest);
    assert_eq!((much.late, little.late), (0, 0));
}

#[test]
fn who_send_without_end_have_equal_shares() {
    let mut world = World::new(QueueSettings::default());
    let capacity = capacity();
    let senders = ["a", "b", "c"].map(Sender::named);
    let rates = senders.map(|sender| (sender, 2.0 * capacity));
    let refused = world.share(&rates, 120 * SECOND);
    assert!(refused.iter().all(|count| *count > 0), "{refused:?}");
    let served = world.inserts.tokens as f64;
    for sender in senders {
        let Done { tokens, late, .. } = &world.shares[&sender];
        let share = *tokens as f64 / served;
        assert!((0.32..=0.35).contains(&share), "{share} of what was served");
        assert_eq!(*late, 0);
    }
    let told = (0..1_000).find_map(|_| world.insert().err()).expect("there is an end to it");
    let EmbedError::QueueFull { retry_after, .. } = told else { panic!("{told:?}") };
    assert!(retry_after <= 10 * SECOND, "{retry_after:?}");
}
