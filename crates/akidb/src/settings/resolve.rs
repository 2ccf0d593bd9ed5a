//! Flags over environment over file over defaults, as one pure function.
//!
//! Out of scope: reading any of them ([`super::sources`]).

use std::collections::BTreeMap;

use figment::{
    Figment, Metadata, Profile, Provider,
    providers::{Format, Serialized, Toml},
    util::nest,
    value::{Dict, Map, Value},
};

use super::{
    Settings,
    fault::{self, Source},
    level,
    sources::Sources,
    variables,
};
use crate::failure::{Failure, Result};

/// An environment variable is a key when it has this start and names a section and a key. Other
/// variables with this start are not ours: an orchestrator sets `AKIDB_PORT_8080_TCP` and the like.
const ENVIRONMENT_PREFIX: &str = "AKIDB_";
const ENVIRONMENT_SEPARATOR: &str = "__";
/// Short names of keys that are often set alone.
const ENVIRONMENT_ALIASES: [(&str, &str); 1] = [("AKIDB_MODELS_DIR", "embedding.models_dir")];

/// The settings and where each of them comes from.
#[derive(Clone, Debug)]
pub(crate) struct Resolved {
    /// The settings.
    pub(crate) settings: Settings,
    figment: Figment,
    keys: Vec<String>,
}

/// One key, its value, and where the value comes from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    /// `server.rest_addr`
    pub(crate) key: String,
    /// The effective value, null where an optional key is not set.
    pub(crate) value: serde_json::Value,
    /// `default`, a file, a variable or a flag.
    pub(crate) origin: String,
}

impl Resolved {
    /// Every key.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.keys.iter().map(|key| self.entry(key)).collect()
    }

    fn entry(&self, key: &str) -> Entry {
        let value = self.figment.extract_inner(key).unwrap_or(serde_json::Value::Null);
        let origin = self.figment.find_metadata(key).map_or("default", |metadata| &metadata.name);
        Entry { key: key.to_owned(), value, origin: origin.to_owned() }
    }
}

/// Makes the settings of their sources.
///
/// # Errors
///
/// When a key is not known or a value is not allowed: exit code 78, with the place.
pub(crate) fn resolve(sources: &Sources) -> Result<Resolved> {
    let defaults = Serialized::defaults(Settings::defaults(&sources.environment));
    let mut figment = Figment::from(DefaultLayer(defaults));
    let keys = keys_of(&figment);
    variables::refuse_near_misses(&sources.environment, &keys, &ENVIRONMENT_ALIASES)?;
    for layer in layers(sources, &figment)? {
        refuse_unknown_keys(&layer, &keys)?;
        figment = figment.merge(layer);
    }
    let settings = figment.extract().map_err(|error| fault::bad_value(&error, &figment))?;
    check(&settings)?;
    Ok(Resolved { settings, figment, keys })
}

/// What the types of the settings cannot say.
fn check(settings: &Settings) -> Result {
    let Settings { server, limits, .. } = settings;
    let at_least = |key: &str, value: u64, least_key: &str, least: u64| match value >= least {
        true => Ok(()),
        false => Err(Failure::configuration(format!(
            "{key} is {value}, allowed is at least {least_key}, which is {least}"
        ))
        .hint(format!("raise {key}, or lower what it must hold"))),
    };
    at_least(
        "server.max_request_timeout_ms",
        server.max_request_timeout_ms,
        "server.request_timeout_ms",
        server.request_timeout_ms,
    )?;
    let body_bytes = limits.body_bytes.max(limits.grpc_message_bytes);
    at_least(
        "server.body_budget_bytes",
        server.body_budget_bytes as u64,
        "limits.body_bytes and limits.grpc_message_bytes",
        body_bytes as u64,
    )?;
    for (name, value) in limits.values() {
        if value == 0 && !akidb_core::Limits::OFF_AT_ZERO.contains(&name) {
            return Err(Failure::configuration(format!(
                "limits.{name} is 0, allowed are 1 and more"
            ))
            .hint("leave the key out for its default"));
        }
    }
    level::check(&settings.log.level)
}

/// Values of one origin.
struct Layer {
    place: Source,
    values: Dict,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.place.to_string())
    }

    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

/// The defaults, under a name that reads well in `akidb config show`.
struct DefaultLayer(Serialized<Settings>);

impl Provider for DefaultLayer {
    fn metadata(&self) -> Metadata {
        Metadata::named("default")
    }

    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        self.0.data()
    }
}

/// All layers above the defaults, the strongest last.
fn layers(sources: &Sources, defaults: &Figment) -> Result<Vec<Layer>> {
    let mut layers = Vec::new();
    if let Some((path, text)) = &sources.file {
        let values = Toml::from_str(text).map_err(|error| {
            Failure::configuration(format!("{} is not TOML: {error}", path.display()))
                .hint("the shipped akidb.toml has every key in its form")
        })?;
        layers.push(Layer { place: Source::File(path.clone()), values });
    }
    let environment = environment_keys(&sources.environment);
    let environment = environment
        .into_iter()
        .map(|(name, key, value)| (Source::Variable(name.to_owned()), key, value));
    let flags = sources
        .flags
        .iter()
        .map(|flag| (Source::Flag(flag.name), flag.key.to_owned(), flag.value.as_str()));
    for (place, key, text) in environment.chain(flags) {
        let Value::Dict(_, values) = nest(&key, typed_value(text, &key, defaults)) else {
            continue;
        };
        layers.push(Layer { place, values });
    }
    Ok(layers)
}

/// The variables that set keys, with the key and the value: aliases first, so that full names win.
fn environment_keys(environment: &BTreeMap<String, String>) -> Vec<(&str, String, &str)> {
    let aliases = ENVIRONMENT_ALIASES.iter().filter_map(|(name, key)| {
        environment.get(*name).map(|value| (*name, (*key).to_owned(), value.as_str()))
    });
    let full_names = environment.iter().filter_map(|(name, value)| {
        let path = name.strip_prefix(ENVIRONMENT_PREFIX)?;
        path.contains(ENVIRONMENT_SEPARATOR).then_some(())?;
        let key = path.replace(ENVIRONMENT_SEPARATOR, ".").to_ascii_lowercase();
        Some((name.as_str(), key, value.as_str()))
    });
    aliases.chain(full_names).collect()
}

/// Text as what the key holds: a directory named `123` is a path, not a number.
fn typed_value(text: &str, key: &str, defaults: &Figment) -> Value {
    match defaults.find_value(key) {
        Ok(Value::String(..)) => Value::from(text),
        _ => text.parse().unwrap_or_else(|never: std::convert::Infallible| match never {}),
    }
}

fn refuse_unknown_keys(layer: &Layer, keys: &[String]) -> Result {
    for (key, value) in leaves(&layer.values, "") {
        if !keys.contains(&key) {
            return Err(fault::unknown_key(&key, value, &layer.place, keys));
        }
        if value.as_str().is_some_and(str::is_empty) {
            return Err(fault::empty_value(&key, &layer.place));
        }
    }
    Ok(())
}

fn keys_of(defaults: &Figment) -> Vec<String> {
    let values: Dict = defaults.extract().unwrap_or_default();
    leaves(&values, "").into_iter().map(|(key, _)| key).collect()
}

/// The dotted names of all values. Sections that say nothing have none.
fn leaves<'a>(values: &'a Dict, prefix: &str) -> Vec<(String, &'a Value)> {
    values
        .iter()
        .flat_map(|(name, value)| {
            let key = format!("{prefix}{name}");
            match value {
                Value::Dict(_, inner) => leaves(inner, &format!("{key}.")),
                _ => vec![(key, value)],
            }
        })
        .collect()
}

#[cfg(test)]
mod tests;
