//! Reads a whole node by every way there is, and holds the ways against each other.
//!
//! get = scroll = count = exact search = count by filter, whatever was done to the node before, and
//! the sequence number of a collection is not below that of any of its rows. What the node refuses
//! to read and what it tells of damage is gathered beside it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use serde_json::{Value, json};

use crate::{
    client::{Client, Reply},
    document::{self, FILTERS, Form, OWN, Version, WORD, described, short, wire_id},
    oracle::{Collection, State},
    workload::{ef_of, has_extra},
};

/// Documents of one page of a scroll.
const PAGE_DOCUMENTS: usize = 200;
/// Ids of one get.
const IDS_A_GET: usize = 500;
/// Hits that a search may return.
const HITS_MAX: usize = 10_000;

/// What a node says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// The documents that it serves.
    pub(crate) state: State,
    /// Reads that it refused because something is damaged.
    pub(crate) refused: Vec<String>,
    /// What tells somebody who watches the node that something is wrong.
    pub(crate) told: Vec<String>,
    /// What the node noticed at its start and put right; it tells of that too.
    pub(crate) noticed: Vec<Noticed>,
    /// Where two ways to read differ.
    pub(crate) contradictions: Vec<String>,
    /// Collections whose exact search finds less than half of what a scroll returns: more than rows
    /// of which each is damaged for itself.
    pub(crate) blind: Vec<String>,
    /// Documents that it serves and that nobody wrote so.
    pub(crate) forged: Vec<String>,
}

/// Something that the node noticed at its start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Noticed {
    kind: String,
    detail: String,
}

impl Noticed {
    /// Whether a crash on a sound disk may leave it: a folder whose row is dropped and whose name does
    /// not say so yet. Every other step has its trace in one of the two before the next is taken.
    fn is_of_a_crash(&self) -> bool {
        self.kind == "adopted"
    }
}

impl Seen {
    /// The contradictions, the refusals and what was told, where there should be none of them.
    pub(crate) fn must_be_sound(&self) -> Result<(), String> {
        let faults = [&self.forged, &self.contradictions, &self.refused, &self.told];
        let noticed = self.noticed.iter().filter(|noticed| !noticed.is_of_a_crash());
        let noticed = noticed.map(|noticed| format!("{noticed:?}"));
        let faults: Vec<_> = faults.into_iter().flatten().cloned().chain(noticed).take(5).collect();
        if faults.is_empty() { Ok(()) } else { Err(faults.join("; ")) }
    }

    /// Whether somebody who watches the node sees that something is wrong.
    pub(crate) fn is_told_of(&self) -> bool {
        !(self.told.is_empty() && self.refused.is_empty() && self.noticed.is_empty())
    }
}

/// Reads the node. An error means that it does not answer at all.
pub(crate) fn agree(client: &mut Client) -> Result<Seen> {
    let mut seen = Seen::default();
    let list = client.read("GET", "/v1/collections", None)?;
    if !list.is_success() {
        seen.refused.push(format!("the list of collections: {}", short(&list.body)));
    }
    for listed in list.body["collections"].as_array().into_iter().flatten() {
        let Some(name) = listed["name"].as_str() else { continue };
        let mut reading = Reading { client, name, form: form_of(listed), seen: &mut seen };
        if let Some(collection) = reading.collection()? {
            seen.state.insert(name.to_owned(), collection);
        }
    }
    watch(client, &mut seen)?;
    Ok(seen)
}

/// What a node tells of itself without being asked for a collection.
fn watch(client: &mut Client, seen: &mut Seen) -> Result<()> {
    let ready = client.read("GET", "/readyz", None)?;
    if ready.status != 200 {
        seen.told.push(format!("readyz {} {}", ready.status, short(&ready.body["components"])));
    }
    for component in ready.body["components"].as_array().into_iter().flatten() {
        if is_alarming(component) {
            seen.told.push(format!("readyz {}", short(component)));
        }
    }
    for found in ready.body["findings"].as_array().into_iter().flatten() {
        let text = |name: &str| found[name].as_str().unwrap_or_default().to_owned();
        seen.noticed.push(Noticed { kind: text("kind"), detail: text("detail") });
    }
    let metrics = client.read("GET", "/metrics", None)?;
    for line in metrics.text.lines().filter(|line| line.starts_with("akidb_")) {
        let Some((series, value)) = line.rsplit_once(' ') else { continue };
        let words = ["lost", "damaged"];
        let is_told = words.iter().any(|word| series.contains(word));
        if is_told && value.parse::<f64>().is_ok_and(|value| value > 0.0) {
            seen.told.push(format!("metric {line}"));
        }
    }
    Ok(())
}

/// A component that is up and yet says what is wrong.
fn is_alarming(component: &Value) -> bool {
    let detail = component["detail"].as_str().unwrap_or_default();
    let words =
        ["lost", "damage", "missing", "adopted", "unknown", "rebuilt", "read-only", "repair"];
    let warns = component["warnings"].as_array().is_some_and(|list| !list.is_empty());
    warns || words.iter().any(|word| detail.contains(word))
}

/// The form shows in the settings, so that a collection under another name is read as well.
fn form_of(listed: &Value) -> Form {
    match listed {
        _ if listed["fields"][OWN].is_object() => Form::Fields,
        _ if listed["chunking"].is_object() => Form::Passages,
        _ if listed["model"].is_object() => Form::Texts,
        _ => Form::Vectors,
    }
}

/// One collection while it is read.
struct Reading<'a> {
    client: &'a mut Client,
    name: &'a str,
    form: Form,
    seen: &'a mut Seen,
}

/// Documents by id, with the highest sequence number.
type Documents = BTreeMap<u64, Version>;

impl Reading<'_> {
    /// Nothing where the collection can not be read at all.
    fn collection(&mut self) -> Result<Option<Collection>> {
        let path = format!("/v1/collections/{}", self.name);
        let description = self.client.read("GET", &path, None)?;
        if !self.is_served("describe", &description) {
            return Ok(None);
        }
        let Some((documents, last_seq)) = self.scroll()? else { return Ok(None) };
        let description = description.body;
        self.describe(&description, &documents, last_seq);
        self.counts(&documents)?;
        self.gets(&documents)?;
        self.searches(&documents, &description)?;
        self.words(&documents)?;
        Ok(Some(Collection {
            form: self.form,
            description: described(description["description"].as_str().unwrap_or_default())
                .unwrap_or(0),
            ef: ef_of(&description),
            aliases: self.aliases(&description)?,
            has_extra: has_extra(&description),
            documents,
        }))
    }

    /// The aliases, each of which leads to the collection.
    fn aliases(&mut self, description: &Value) -> Result<BTreeSet<String>> {
        let aliases = description["aliases"].as_array().into_iter().flatten();
        let aliases: BTreeSet<_> = aliases.filter_map(Value::as_str).map(str::to_owned).collect();
        for alias in &aliases {
            let reply = self.client.read("GET", &format!("/v1/collections/{alias}"), None)?;
            if self.is_served("describe by an alias", &reply) && reply.body["name"] != self.name {
                self.contradict(format!("its alias {alias} names {}", reply.body["name"]));
            }
        }
        Ok(aliases)
    }

    fn describe(&mut self, description: &Value, documents: &Documents, last_seq: u64) {
        let count = description["document_count"].as_u64();
        self.compare("document_count", count, documents.len());
        if description["last_seq"].as_u64() < Some(last_seq) {
            let told = &description["last_seq"];
            self.contradict(format!("last_seq is {told} and a row has {last_seq}"));
        }
        for word in ["lost_writes", "damaged", "damage"] {
            let told = &description[word];
            let is_empty = told.is_null() || *told == json!([]) || *told == json!(0);
            if !is_empty {
                self.seen.told.push(format!("{} {word} {}", self.name, short(told)));
            }
        }
    }

    fn scroll(&mut self) -> Result<Option<(Documents, u64)>> {
        let (mut documents, mut last_seq, mut cursor) = (Documents::new(), 0, Value::Null);
        loop {
            let mut page = json!({
                "limit": PAGE_DOCUMENTS, "include": ["text", "metadata", "vector"],
            });
            if !cursor.is_null() {
                page["cursor"] = cursor;
            }
            let reply = self.post("scroll", page)?;
            if !self.is_served("scroll", &reply) {
                return Ok(None);
            }
            for found in reply.body["documents"].as_array().into_iter().flatten() {
                last_seq = last_seq.max(found["seq"].as_u64().unwrap_or(0));
                if let Some((id, version)) = self.read(found)
                    && documents.insert(id, version).is_some()
                {
                    self.contradict(format!("scroll returns {id} twice"));
                }
            }
            cursor = reply.body["next_cursor"].clone();
            if cursor.is_null() {
                return Ok(Some((documents, last_seq)));
            }
        }
    }

    fn counts(&mut self, documents: &Documents) -> Result<()> {
        let reply = self.post("count", json!({}))?;
        if self.is_served("count", &reply) {
            self.compare("count", reply.body["count"].as_u64(), documents.len());
        }
        for (filter, matches) in FILTERS {
            let expected = documents.iter().filter(|(id, version)| matches(**id, **version));
            let expected = expected.count();
            let parsed: Value = serde_json::from_str(filter)?;
            let reply = self.post("count", json!({"filter": parsed}))?;
            if self.is_served("count by a filter", &reply) {
                let count = reply.body["count"].as_u64();
                self.compare(&format!("count by {filter}"), count, expected);
            }
        }
        Ok(())
    }

    /// Gets every document, and as many that should not be there.
    fn gets(&mut self, documents: &Documents) -> Result<()> {
        let beyond = documents.keys().map(|id| id + 1).filter(|id| !documents.contains_key(id));
        let ids: Vec<u64> = documents.keys().copied().chain(beyond).collect();
        let mut got = Documents::new();
        for ids in ids.chunks(IDS_A_GET) {
            let ids: Vec<_> = ids.iter().map(|id| wire_id(*id)).collect();
            let reply = self.post("get", json!({"ids": ids, "include": ["text", "metadata"]}))?;
            if !self.is_served("get", &reply) {
                return Ok(());
            }
            let found = reply.body["documents"].as_array().into_iter().flatten();
            got.extend(found.filter_map(|found| self.read(found)));
        }
        self.compare_documents("get", &got, documents);
        Ok(())
    }

    fn searches(&mut self, documents: &Documents, description: &Value) -> Result<()> {
        // Rows that are damaged count, take the place of a hit and are named beside the hits.
        let rows = description["document_count"].as_u64().and_then(|rows| rows.try_into().ok());
        let limit = (documents.len().max(rows.unwrap_or(0)) + 1).min(HITS_MAX);
        let searches = self.form.searches();
        for (mut search, exact) in
            searches.iter().flat_map(|it| [true, false].map(|exact| (it.clone(), exact)))
        {
            let what = if exact { "exact search" } else { "search" };
            search["limit"] = json!(limit);
            search["include"] = json!(["metadata"]);
            search["params"] = json!({"exact": exact});
            let path = format!("/v1/collections/{}/search", self.name);
            let reply = self.client.read("POST", &path, Some(&search))?;
            if !self.is_served(what, &reply) {
                continue;
            }
            let hits: Vec<_> = reply.body["hits"].as_array().into_iter().flatten().collect();
            let scores = hits.iter().filter_map(|hit| hit["score"].as_f64());
            // What a walk finds late comes last: it moves nothing on an earlier page.
            let in_order = if exact { hits.len() } else { hits.len() / 2 };
            if !scores.take(in_order).is_sorted_by(|one, next| one >= next) {
                self.contradict(format!("the scores of {what} do not fall"));
            }
            let found: Documents = hits.iter().filter_map(|hit| self.read(hit)).collect();
            match exact {
                true => {
                    if found.len() * 2 < documents.len() {
                        let (name, found, all) = (self.name, found.len(), documents.len());
                        self.seen.blind.push(format!("{name} finds {found} of {all} documents"));
                    }
                    self.compare_documents(what, &found, documents);
                }
                false => self.compare_some(what, &found, documents),
            }
        }
        Ok(())
    }

    /// Every text has the word, and a search by words finds each.
    fn words(&mut self, documents: &Documents) -> Result<()> {
        if !self.form.has_words() {
            return Ok(());
        }
        let limit = (documents.len() + 1).min(HITS_MAX);
        let search = json!({
            "mode": "keyword", "text": WORD, "limit": limit, "include": ["text", "metadata"],
        });
        let path = format!("/v1/collections/{}/search", self.name);
        let reply = self.client.read("POST", &path, Some(&search))?;
        if self.is_served("search by words", &reply) {
            let hits = reply.body["hits"].as_array().into_iter().flatten();
            let found: Documents = hits.filter_map(|hit| self.read(hit)).collect();
            self.compare_documents("search by words", &found, documents);
        }
        Ok(())
    }

    /// A walk of the graph may miss some and must find none that are not there.
    fn compare_some(&mut self, what: &str, found: &Documents, documents: &Documents) {
        let extra = found.iter().filter(|(id, version)| documents.get(id) != Some(version));
        if let Some((id, version)) = extra.clone().next() {
            self.contradict(format!("{what} finds {id} {version:?}, which scroll does not have"));
        }
        if found.len() * 10 < documents.len() * 9 {
            self.contradict(format!("{what} finds {} of {}", found.len(), documents.len()));
        }
    }

    fn compare_documents(&mut self, what: &str, found: &Documents, documents: &Documents) {
        if found == documents {
            return;
        }
        let missing = documents.iter().filter(|(id, version)| found.get(id) != Some(version));
        let extra = found.iter().filter(|(id, _)| !documents.contains_key(id));
        self.contradict(format!(
            "{what} has {} and scroll {} documents; missing or other {:?}, only there {:?}",
            found.len(),
            documents.len(),
            missing.take(3).collect::<Vec<_>>(),
            extra.take(3).collect::<Vec<_>>()
        ));
    }

    fn compare(&mut self, what: &str, told: Option<u64>, expected: usize) {
        if told != Some(expected as u64) {
            self.contradict(format!("{what} says {told:?} and scroll has {expected} documents"));
        }
    }

    fn post(&mut self, route: &str, body: Value) -> Result<Reply> {
        let path = format!("/v1/collections/{}/documents/{route}", self.name);
        let reply = self.client.read("POST", &path, Some(&body))?;
        let damaged = &reply.body["damaged"];
        if damaged.as_array().is_some_and(|ids| !ids.is_empty()) {
            self.seen.told.push(format!("{} {route} damaged {}", self.name, short(damaged)));
        }
        Ok(reply)
    }

    /// Whether the reply is one; else what was refused is noted.
    fn is_served(&mut self, what: &str, reply: &Reply) -> bool {
        if !reply.is_success() {
            let (name, status) = (self.name, reply.status);
            self.seen.refused.push(format!("{name} {what}: {status} {}", short(&reply.body)));
        }
        reply.is_success()
    }

    fn read(&mut self, found: &Value) -> Option<(u64, Version)> {
        match document::read(self.form, found) {
            Ok(read) => Some(read),
            Err(broken) => {
                self.seen.forged.push(format!("{} serves what nobody wrote: {broken}", self.name));
                None
            }
        }
    }

    fn contradict(&mut self, what: String) {
        self.seen.contradictions.push(format!("{}: {what}", self.name));
    }
}
