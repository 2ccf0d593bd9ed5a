//! All paths that a filter could reach into a document by: the other way round from resolving one.

use serde_json::{Map, Value};

use crate::Metadata;

impl Metadata {
    /// Calls `visit` with each path that a field of a filter can name and a value it leads to, once
    /// for each such value: exactly those pairs for which the filter would find the value there.
    ///
    /// A path is a key, or keys joined by dots, through objects and the objects in arrays. Where a
    /// path is longer than `path_bytes_max`, `visit` gets `None` for it and nothing below it.
    pub fn for_each_field<'a>(
        &'a self,
        path_bytes_max: usize,
        visit: &mut impl FnMut(Option<&str>, &'a Value),
    ) {
        let mut walk = Walk { path: String::new(), path_bytes_max, dotted: Vec::new(), visit };
        walk.object(self.as_object());
    }
}

/// Where a walk through a document stands.
struct Walk<'a, 'v, V> {
    path: String,
    path_bytes_max: usize,
    /// Objects around here with a key that holds a dot, and how long the path was before them.
    dotted: Vec<(&'a Map<String, Value>, usize)>,
    visit: &'v mut V,
}

impl<'a, V: FnMut(Option<&str>, &'a Value)> Walk<'a, '_, V> {
    fn object(&mut self, object: &'a Map<String, Value>) {
        let around = self.dotted.len();
        let path_bytes = self.path.len();
        let has_dotted_keys = object.keys().any(|key| key.contains('.'));
        for (key, value) in object {
            self.path.push_str(key);
            if self.path.len() > self.path_bytes_max {
                (self.visit)(None, value);
            } else {
                if !self.is_hidden() {
                    (self.visit)(Some(&self.path), value);
                }
                if has_dotted_keys {
                    self.dotted.push((object, path_bytes));
                }
                self.below(value);
                self.dotted.truncate(around);
            }
            self.path.truncate(path_bytes);
        }
    }

    fn below(&mut self, value: &'a Value) {
        self.path.push('.');
        match value {
            Value::Object(inner) => self.object(inner),
            Value::Array(items) => {
                items.iter().filter_map(Value::as_object).for_each(|inner| self.object(inner));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    /// Whether an object around here has the rest of the path as one key, which then is what the
    /// path leads to.
    fn is_hidden(&self) -> bool {
        self.dotted
            .iter()
            .any(|(object, path_bytes)| object.contains_key(&self.path[*path_bytes..]))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::{Limits, filter::matches::resolve};

    fn object() -> impl Strategy<Value = Value> {
        let scalar = (0_u8..4).prop_map(Value::from);
        scalar.prop_recursive(4, 24, 4, |inner| {
            let keys = vec!["a", "b", "a.b", "a.a", "b.a.b", ".a", "a.", "."];
            let key = prop::sample::select(keys).prop_map(str::to_owned);
            prop_oneof![
                1 => prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                3 => prop::collection::hash_map(key, inner, 0..4)
                    .prop_map(|object| Value::Object(object.into_iter().collect())),
            ]
        })
    }

    fn metadata(value: Value) -> Metadata {
        Metadata::new(json!({"a": value}).as_object().unwrap().clone(), &Limits::default()).unwrap()
    }

    /// Every way to join keys that stand below each other, found or not.
    fn joined_paths(value: &Value, prefix: &str, paths: &mut BTreeSet<String>) {
        match value {
            Value::Object(object) => object.iter().for_each(|(key, inner)| {
                paths.insert(format!("{prefix}{key}"));
                joined_paths(inner, &format!("{prefix}{key}."), paths);
            }),
            Value::Array(items) => items.iter().for_each(|item| joined_paths(item, prefix, paths)),
            _ => {}
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]
        #[test]
        fn the_walk_finds_what_each_path_leads_to(value in object()) {
            let metadata = metadata(value);
            let mut walked: BTreeMap<String, Vec<*const Value>> = BTreeMap::new();
            metadata.for_each_field(1_000, &mut |path, value| {
                walked.entry(path.unwrap().to_owned()).or_default().push(value);
            });
            let mut paths = BTreeSet::new();
            joined_paths(&Value::Object(metadata.as_object().clone()), "", &mut paths);
            paths.extend(walked.keys().cloned());
            for path in paths {
                let mut found = Vec::new();
                resolve(metadata.as_object(), &path, &mut found);
                let mut found: Vec<*const Value> = found.into_iter().map(|value| value as _).collect();
                found.sort_unstable();
                let mut walked = walked.remove(&path).unwrap_or_default();
                walked.sort_unstable();
                prop_assert_eq!(walked, found, "{}", path);
            }
        }
    }

    #[test]
    fn paths_beyond_the_limit_are_told_without_a_name() {
        let metadata = metadata(json!({"bcd": {"e": 1}, "f": 2}));
        let mut seen = Vec::new();
        metadata.for_each_field(4, &mut |path, _| seen.push(path.map(str::to_owned)));
        assert_eq!(seen, [Some("a".to_owned()), None, Some("a.f".to_owned())]);
    }
}
