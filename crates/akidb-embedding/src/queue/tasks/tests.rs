//! The queue against a plain model of it: lists that are searched from the front.
//!
//! Time is a number of milliseconds that a step moves on, so that nothing waits and everything that
//! fails can be shrunk.

use proptest::prelude::*;
use tokio::sync::oneshot::Receiver;

use super::*;

const MS: Duration = Duration::from_millis(1);
const QUEUE_TOKENS: usize = 24;
const AGEING: Duration = Duration::from_millis(40);

/// Something that happens to the queue.
#[derive(Clone, Debug)]
enum Step {
    /// A request of these texts comes, which expires after so many milliseconds.
    Arrive { lane: Lane, texts: Vec<u32>, expires_after: Option<u32> },
    /// The client of a request goes.
    Leave(prop::sample::Index),
    /// Time goes on.
    Pass(u32),
    /// An owner thread takes a batch, which is encoded at once.
    Run { duty: Duty, limit: BatchLimit },
}

fn step() -> impl Strategy<Value = Step> {
    let lane = prop_oneof![Just(Lane::Interactive), Just(Lane::Bulk)];
    // Few different texts, so that many are equal.
    let texts = prop::collection::vec(0_u32..10, 1..6);
    let arrive = (lane, texts, prop::option::of(0_u32..60))
        .prop_map(|(lane, texts, expires_after)| Step::Arrive { lane, texts, expires_after });
    let duty = prop_oneof![Just(Duty::BothLanes), Just(Duty::Interactive), Just(Duty::Bulk)];
    let run = (duty, 1_usize..5, 1_usize..16)
        .prop_map(|(duty, texts, tokens)| Step::Run { duty, limit: BatchLimit { texts, tokens } });
    prop_oneof![
        4 => arrive,
        1 => any::<prop::sample::Index>().prop_map(Step::Leave),
        2 => (0_u32..30).prop_map(Step::Pass),
        4 => run,
    ]
}

/// What a text is to a backend: some are longer than others, and one is longer than any batch.
fn encoding(text: u32) -> Encoding {
    let tokens = if text == 9 { 18 } else { 1 + text as usize % 5 };
    Encoding {
        token_ids: vec![text; tokens],
        pooling: Pooling::Mean,
        normalize: true,
        document_start: None,
    }
}

/// A request as its client sees it.
struct Client {
    request: Arc<PendingRequest>,
    answer: Option<Receiver<Result<Vec<Embedding>, EmbedError>>>,
    texts: Vec<u32>,
    deadline: Option<u32>,
    was_admitted: bool,
    /// How often each of its texts was encoded for it.
    encoded: Vec<usize>,
}

/// A text that waits, and the clients that wait for it with the places it has in their requests.
struct WaitingText {
    text: u32,
    since: u32,
    waiters: Vec<(usize, usize)>,
}

/// The queue, the model of it, and the clock of both.
struct World {
    queue: TaskQueue,
    start: Instant,
    now: u32,
    clients: Vec<Client>,
    interactive: Vec<WaitingText>,
    bulk: Vec<WaitingText>,
    last_bulk_batch_at: Option<u32>,
}

impl World {
    fn new() -> Self {
        Self {
            queue: TaskQueue::default(),
            start: Instant::now(),
            now: 0,
            clients: Vec::new(),
            interactive: Vec::new(),
            bulk: Vec::new(),
            last_bulk_batch_at: None,
        }
    }

    fn at(&self, ms: u32) -> Instant {
        self.start + ms * MS
    }

    fn waiting(&mut self, lane: Lane) -> &mut Vec<WaitingText> {
        match lane {
            Lane::Interactive => &mut self.interactive,
            Lane::Bulk => &mut self.bulk,
        }
    }

    /// Whether a client can still use a vector.
    fn is_wanted(&self, client: usize) -> bool {
        let client = &self.clients[client];
        let is_late = client.deadline.is_some_and(|deadline| deadline <= self.now);
        client.answer.is_some() && !is_late
    }

    /// Takes out of the model what nobody wants.
    fn forget_unwanted(&mut self, lane: Lane) {
        let mut texts = std::mem::take(self.waiting(lane));
        for text in &mut texts {
            text.waiters.retain(|(client, _)| self.is_wanted(*client));
        }
        texts.retain(|text| !text.waiters.is_empty());
        *self.waiting(lane) = texts;
    }

    fn tokens(texts: &[WaitingText]) -> usize {
        texts.iter().map(|it| encoding(it.text).token_ids.len()).sum()
    }

    fn lane_tokens(&mut self, lane: Lane) -> usize {
        Self::tokens(self.waiting(lane))
    }

    /// The tokens by which texts would make a lane longer.
    fn added_tokens(&mut self, lane: Lane, texts: &[u32]) -> usize {
        let waiting: Vec<u32> = self.waiting(lane).iter().map(|it| it.text).collect();
        let is_new = |i: &usize| !waiting.contains(&texts[*i]) && !texts[..*i].contains(&texts[*i]);
        let new = (0..texts.len()).filter(is_new);
        new.map(|i| encoding(texts[i]).token_ids.len()).sum()
    }

    fn arrive(&mut self, lane: Lane, texts: &[u32], expires_after: Option<u32>) {
        let deadline = expires_after.map(|after| self.now + after);
        let (request, answer) = PendingRequest::new(texts.len(), Arc::default());
        let request = Arc::new(request);
        let items = texts.iter().enumerate().map(|(index, text)| {
            let waiter = Waiter {
                request: Arc::clone(&request),
                index,
                is_truncated: false,
                unknown_tokens: 0,
                is_query: false,
                deadline: deadline.map(|at| self.at(at)),
            };
            (encoding(*text), waiter)
        });
        let items = items.collect();
        let room = Room::in_memory(QUEUE_TOKENS);
        let outcome = self.queue.admit(items, (lane, Sender::default()), &room, self.at(self.now));
        if self.lane_tokens(lane) + self.added_tokens(lane, texts) > QUEUE_TOKENS {
            self.forget_unwanted(lane);
        }
        let fits = self.lane_tokens(lane) + self.added_tokens(lane, texts) <= QUEUE_TOKENS;
        assert_eq!(outcome.is_ok(), fits, "all of a request is admitted, or nothing");
        let client = self.clients.len();
        self.clients.push(Client {
            request,
            answer: fits.then_some(answer),
            texts: texts.to_vec(),
            deadline,
            was_admitted: fits,
            encoded: vec![0; texts.len()],
        });
        let now = self.now;
        for (index, &text) in texts.iter().enumerate().filter(|_| fits) {
            let waiting = self.waiting(lane);
            match waiting.iter_mut().find(|it| it.text == text) {
                Some(equal) => equal.waiters.push((client, index)),
                None => {
                    let waiters = vec![(client, index)];
                    waiting.push(WaitingText { text, since: now, waiters });
                }
            }
        }
    }

    /// The lane whose turn it is.
    fn expected_lane(&self, duty: Duty) -> Option<Lane> {
        let interactive = (!self.interactive.is_empty()).then_some(Lane::Interactive);
        let bulk = (!self.bulk.is_empty()).then_some(Lane::Bulk);
        let passed_over = self
            .bulk
            .first()
            .map(|oldest| (self.now - oldest.since.max(self.last_bulk_batch_at.unwrap_or(0))) * MS);
        let has_aged = passed_over.is_some_and(|time| time >= AGEING);
        match duty {
            Duty::Bulk => bulk,
            Duty::BothLanes if has_aged => bulk,
            Duty::BothLanes => interactive.or(bulk),
            // Only when queries wait too: otherwise the other thread has nothing else to do.
            Duty::Interactive if has_aged => interactive.and(bulk),
            Duty::Interactive => interactive,
        }
    }

    fn expected_batch(&mut self, lane: Lane, limit: BatchLimit) -> Vec<WaitingText> {
        let (mut batch, mut tokens) = (Vec::new(), 0);
        while batch.len() < limit.texts && !self.waiting(lane).is_empty() {
            let next = encoding(self.waiting(lane)[0].text).token_ids.len();
            if !batch.is_empty() && tokens + next > limit.tokens {
                break;
            }
            let mut text = self.waiting(lane).remove(0);
            text.waiters.retain(|(client, _)| self.is_wanted(*client));
            if !text.waiters.is_empty() {
                tokens += next;
                batch.push(text);
            }
        }
        if lane == Lane::Bulk && !batch.is_empty() {
            self.last_bulk_batch_at = Some(self.now);
        }
        batch
    }

    fn run(&mut self, duty: Duty, limit: BatchLimit) {
        let now = self.at(self.now);
        let lane = self.queue.next_lane(duty, AGEING, now);
        assert_eq!(lane, self.expected_lane(duty));
        let Some(lane) = lane else { return };
        let batch = self.queue.take_batch(lane, limit, now);
        let expected = self.expected_batch(lane, limit);
        let tokens: usize = batch.iter().map(Task::tokens).sum();
        assert!(tokens <= limit.tokens || batch.len() == 1, "{tokens} tokens, {limit:?}");
        assert!(batch.len() <= limit.texts);
        let texts: Vec<u32> = batch.iter().map(|task| task.encoding.token_ids[0]).collect();
        assert_eq!(texts, expected.iter().map(|it| it.text).collect::<Vec<_>>());
        assert_eq!(texts.iter().collect::<HashSet<_>>().len(), texts.len(), "equal texts run once");
        for task in &batch {
            self.encode(task);
        }
    }

    /// Gives all who wait for a text its vector, which is the text.
    fn encode(&mut self, task: &Task) {
        let text = task.encoding.token_ids[0];
        for waiter in &task.waiters {
            let is_its = |it: &&mut Client| Arc::ptr_eq(&it.request, &waiter.request);
            let client = self.clients.iter_mut().find(is_its).unwrap();
            assert!(client.was_admitted, "what was refused runs");
            assert!(client.answer.is_some(), "what was left or answered runs");
            assert_eq!(client.texts[waiter.index], text);
            client.encoded[waiter.index] += 1;
            waiter.answer(&[text as f32], task.tokens());
        }
        self.take_answers();
    }

    /// Clients read what has come, and check it.
    fn take_answers(&mut self) {
        for client in &mut self.clients {
            let Some(answer) = client.answer.as_mut().and_then(|answer| answer.try_recv().ok())
            else {
                continue;
            };
            client.answer = None;
            match answer {
                Ok(embeddings) => {
                    let found = embeddings.iter().map(|it| it.values[0] as u32);
                    assert!(found.eq(client.texts.iter().copied()));
                    assert!(client.encoded.iter().all(|times| *times == 1), "each text once");
                }
                Err(error) => {
                    assert_eq!(error, EmbedError::DeadlineExceeded);
                    assert!(client.deadline.is_some_and(|deadline| deadline <= self.now));
                }
            }
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Arrive { lane, texts, expires_after } => {
                self.arrive(*lane, texts, *expires_after);
            }
            Step::Leave(index) if !self.clients.is_empty() => {
                let client = index.index(self.clients.len());
                self.clients[client].answer = None;
            }
            Step::Leave(_) => {}
            Step::Pass(ms) => self.now += ms,
            Step::Run { duty, limit } => self.run(*duty, *limit),
        }
        self.take_answers();
        for lane in [Lane::Interactive, Lane::Bulk] {
            let tokens = self.queue.lane_tokens(lane);
            assert!(tokens <= QUEUE_TOKENS, "{tokens} tokens wait");
            assert_eq!(tokens, self.lane_tokens(lane));
        }
        assert_eq!(self.queue.len(), self.interactive.len() + self.bulk.len());
    }

    /// Runs what is left. Then every client has its answer, or was late or gone.
    fn finish(&mut self) {
        let limit = BatchLimit { texts: 3, tokens: 8 };
        while self.queue.len() > 0 {
            self.run(Duty::BothLanes, limit);
        }
        self.take_answers();
        for client in &self.clients {
            assert!(client.answer.is_none(), "a request of {:?} was lost", client.texts);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    #[test]
    fn it_does_as_the_plain_model_does(steps in prop::collection::vec(step(), 1..120)) {
        let mut world = World::new();
        for step in &steps {
            world.step(step);
        }
        world.finish();
    }

    /// With one thread for both lanes, bulk that waits runs within its ageing and one batch.
    #[test]
    fn bulk_is_never_passed_over_for_longer_than_its_ageing(
        batch_ms in 1_u32..20,
        queries in prop::collection::vec(0_u32..9, 1..200),
    ) {
        let mut world = World::new();
        world.arrive(Lane::Bulk, &[3], None);
        world.take_answers();
        let one = BatchLimit { texts: 1, tokens: 1 };
        for query in queries {
            world.arrive(Lane::Interactive, &[query], None);
            world.run(Duty::BothLanes, one);
            world.now += batch_ms;
            if world.bulk.is_empty() {
                world.arrive(Lane::Bulk, &[3], None);
            }
            let waits = world.now - world.bulk[0].since.max(world.last_bulk_batch_at.unwrap_or(0));
            prop_assert!(waits * MS < AGEING + batch_ms * MS, "{waits} ms");
        }
        world.finish();
    }
}
