//! Many clients at once on few documents and few collections: each read must fit the writes that it
//! met, and nothing is answered by a failure of the node.

use std::{io, thread, time::Instant};

use anyhow::{Result, bail};
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};

use crate::{
    agree::agree,
    case::{Context, Tally, count},
    client::{Client, Reply},
    document::{Form, describe, described, document, is_gone, number_of, read, wire_id},
    history::{History, Interval, Moment, Strictness},
    node::Node,
};

const CLIENTS: u64 = 8;
const OPERATIONS_PER_CLIENT: u64 = 1_250;
/// Documents that all clients write.
const KEYS: u64 = 24;
/// Collections that come and go.
const VOLATILE: u64 = 3;
const STABLE: &str = "s-vectors";

pub(crate) fn run(context: &Context) -> Result<Tally> {
    let mut tally = Tally::new();
    let mut random = context.random("concurrency");
    let data_dir = context.folder.join("data");
    // Some runs close collections under their clients.
    let idle = if random.random_ratio(1, 3) { 40 } else { 600_000 };
    let launch = context
        .launch
        .with("AKIDB_STORAGE__IDLE_CLOSE_AFTER_MS", idle)
        .with("AKIDB_STORAGE__MAX_OPEN_COLLECTIONS", random.random_range(2..6));
    let node = Node::must_start(&launch, &data_dir)?;
    let created =
        node.client().send("POST", "/v1/collections", Some(&Form::Vectors.creation(STABLE, 1)))?;
    if !created.is_success() {
        bail!("the collection was not made: {}", created.text);
    }
    let clock = Instant::now();
    let history = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let actor = Actor {
                    number,
                    client: node.client(),
                    random: StdRng::seed_from_u64(random.random()),
                    history: History::default(),
                    clock,
                    next: 0,
                };
                scope.spawn(move || actor.run())
            })
            .collect();
        let mut history = History::default();
        for client in clients {
            match client.join() {
                Ok(done) => history.merge(done?),
                Err(_) => bail!("a client panicked"),
            }
        }
        Ok(history)
    })?;
    history.check().map_err(anyhow::Error::msg)?;
    let seen = agree(&mut node.client())?;
    seen.must_be_sound().map_err(anyhow::Error::msg)?;
    node.stop()?;
    count(&mut tally, "concurrent operations", CLIENTS * OPERATIONS_PER_CLIENT);
    Ok(tally)
}

/// One client.
struct Actor {
    number: u64,
    client: Client,
    random: StdRng,
    history: History,
    clock: Instant,
    next: u64,
}

impl Actor {
    fn run(mut self) -> Result<History> {
        for _ in 0..OPERATIONS_PER_CLIENT {
            match self.random.random_range(0..100) {
                0..30 => self.upsert()?,
                30..42 => self.delete()?,
                42..66 => self.get()?,
                66..80 => self.search()?,
                80..86 => self.scroll()?,
                86..90 => self.create()?,
                90..93 => self.drop()?,
                93..96 => self.change()?,
                _ => self.describe()?,
            }
        }
        Ok(self.history)
    }

    /// A value that nobody gives again, of a version that stays until it is replaced.
    fn value(&mut self) -> u64 {
        loop {
            self.next += 1;
            let value = self.number * 1_000_000 + self.next;
            if !is_gone(value) {
                return value;
            }
        }
    }

    fn now(&self) -> Moment {
        // Past 0, where every key is empty.
        u64::try_from(self.clock.elapsed().as_nanos()).unwrap_or(Moment::MAX - 1) + 1
    }

    fn keys(&mut self) -> Vec<u64> {
        let mut keys: Vec<_> = (0..self.random.random_range(1..4))
            .map(|_| self.random.random_range(0..KEYS))
            .collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// Sends a request; an answer of the node's own failure is a finding.
    fn send(
        &mut self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(io::Result<Reply>, Interval)> {
        let start = self.now();
        let reply = self.client.send(method, path, body);
        let end = match &reply {
            Ok(reply) if reply.outcome() != "unknown" => self.now(),
            _ => Moment::MAX,
        };
        if let Ok(reply) = &reply
            && reply.status >= 500
        {
            bail!("{method} {path} was answered {}: {}", reply.status, reply.text);
        }
        Ok((reply, Interval { start, end }))
    }

    fn upsert(&mut self) -> Result<()> {
        let keys = self.keys();
        let values: Vec<_> = keys.iter().map(|_| self.value()).collect();
        let documents: Vec<_> = keys
            .iter()
            .zip(&values)
            .map(|(key, value)| document(Form::Vectors, *key, *value))
            .collect();
        let path = format!("/v1/collections/{STABLE}/documents");
        let (reply, at) = self.send("POST", &path, Some(&json!({"documents": documents})))?;
        if reply.is_ok_and(|reply| !reply.is_success()) {
            bail!("a good upsert was refused");
        }
        for (key, value) in keys.iter().zip(values) {
            self.history.write(&format!("d{key}"), Some(value), at);
        }
        Ok(())
    }

    fn delete(&mut self) -> Result<()> {
        let keys = self.keys();
        let ids: Vec<_> = keys.iter().map(|key| wire_id(*key)).collect();
        let path = format!("/v1/collections/{STABLE}/documents/delete");
        let (_, at) = self.send("POST", &path, Some(&json!({"ids": ids})))?;
        for key in keys {
            self.history.write(&format!("d{key}"), None, at);
        }
        Ok(())
    }

    fn get(&mut self) -> Result<()> {
        let keys = self.keys();
        let ids: Vec<_> = keys.iter().map(|key| wire_id(*key)).collect();
        let path = format!("/v1/collections/{STABLE}/documents/get");
        let (reply, at) = self.send("POST", &path, Some(&json!({"ids": ids})))?;
        self.note_reads(&keys, &reply?.body["documents"], at, Strictness::Exact, "get")
    }

    fn search(&mut self) -> Result<()> {
        let group = self.random.random_range(0..7);
        let keys: Vec<_> = (0..KEYS).filter(|key| key % 7 == group).collect();
        let mut body = json!({"vector": [1, 1, 1, 1]});
        body["limit"] = json!(KEYS);
        body["filter"] = json!({"group": group});
        body["params"] = json!({"exact": self.random.random::<bool>()});
        let path = format!("/v1/collections/{STABLE}/search");
        let (reply, at) = self.send("POST", &path, Some(&body))?;
        self.note_reads(&keys, &reply?.body["hits"], at, Strictness::MayMissWritten, "search")
    }

    fn scroll(&mut self) -> Result<()> {
        let keys: Vec<_> = (0..KEYS).collect();
        let path = format!("/v1/collections/{STABLE}/documents/scroll");
        let (reply, at) = self.send("POST", &path, Some(&json!({"limit": 1_000})))?;
        self.note_reads(&keys, &reply?.body["documents"], at, Strictness::Exact, "scroll")
    }

    fn note_reads(
        &mut self,
        keys: &[u64],
        found: &Value,
        at: Interval,
        strictness: Strictness,
        what: &str,
    ) -> Result<()> {
        for key in keys {
            let found = found.as_array().into_iter().flatten();
            let mut found = found.filter(|found| number_of(&found["id"]) == Some(*key));
            let value = match found.next() {
                Some(found) => {
                    let (_, version) = read(Form::Vectors, found).map_err(anyhow::Error::msg)?;
                    Some(version.number)
                }
                None => None,
            };
            if found.next().is_some() {
                bail!("{what} returns {key} twice");
            }
            self.history.read(&format!("d{key}"), value, at, strictness, what);
        }
        Ok(())
    }

    fn volatile(&mut self) -> String {
        format!("volatile-{}", self.random.random_range(0..VOLATILE))
    }

    fn create(&mut self) -> Result<()> {
        let (name, value) = (self.volatile(), self.value());
        let form = Form::ALL[self.random.random_range(0..Form::ALL.len())];
        let body = form.creation(&name, value);
        let (reply, at) = self.send("POST", "/v1/collections", Some(&body))?;
        match reply {
            Ok(reply) if reply.status == 409 => {}
            // One that was dropped before its reply may say that it is not there any more.
            Ok(reply) if !reply.is_success() && reply.outcome() != "unknown" => {
                bail!("create was answered {}", reply.text)
            }
            _ => self.history.write(&name, Some(value), at),
        }
        Ok(())
    }

    fn drop(&mut self) -> Result<()> {
        let name = self.volatile();
        let (reply, at) = self.send("DELETE", &format!("/v1/collections/{name}"), None)?;
        match reply {
            Ok(reply) if reply.status == 404 => {
                self.history.read(&name, None, at, Strictness::Exact, "drop");
            }
            _ => self.history.write(&name, None, at),
        }
        Ok(())
    }

    fn change(&mut self) -> Result<()> {
        let (name, value) = (self.volatile(), self.value());
        let body = json!({"description": describe(value)});
        let (reply, at) = self.send("PATCH", &format!("/v1/collections/{name}"), Some(&body))?;
        match reply {
            // One that is done may say so too, where a drop came before its reply.
            Ok(reply) if reply.status == 404 && reply.outcome() != "unknown" => {
                self.history.read(&name, None, at, Strictness::Exact, "change");
            }
            _ => self.history.write(&name, Some(value), at),
        }
        Ok(())
    }

    fn describe(&mut self) -> Result<()> {
        let name = self.volatile();
        let (reply, at) = self.send("GET", &format!("/v1/collections/{name}"), None)?;
        let reply = reply?;
        let value = match reply.status {
            404 => None,
            _ => described(reply.body["description"].as_str().unwrap_or_default()),
        };
        self.history.read(&name, value, at, Strictness::Exact, "describe");
        // A collection of which nobody knows whether it is there answers, or is not found.
        let path = format!("/v1/collections/{name}/documents/count");
        self.send("POST", &path, Some(&json!({})))?.0?;
        Ok(())
    }
}
