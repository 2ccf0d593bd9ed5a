//! What the files that deploy a node name: commands, settings, paths, and how long stopping may take.

use std::fs;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::{linters::Linters, manifests};
use crate::workspace;

/// Where an archive is unpacked by the units.
const UNPACKED: &str = "/opt/akidb/";
/// What a Compose file names as a service is found under this key.
const COMPOSE: &str = "docker/compose.yaml";

/// What one file says.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Deployment {
    pub(super) file: String,
    /// Arguments of `akidb`.
    pub(super) commands: Vec<Vec<String>>,
    /// `AKIDB_` variables.
    pub(super) environment: Vec<(String, String)>,
    /// Paths in the archive.
    pub(super) installed: Vec<String>,
    /// Paths in the repository.
    pub(super) sources: Vec<String>,
    /// After what time a node that is asked to stop is killed.
    pub(super) stop_ms: Option<u64>,
}

impl Deployment {
    /// How long the node answers on after it is asked to stop; 0 by default.
    pub(super) fn drain_delay_ms(&self) -> Result<u64> {
        let given =
            self.environment.iter().find(|(name, _)| name == "AKIDB_SERVER__DRAIN_DELAY_MS");
        given.map_or(Ok(0), |(_, value)| {
            value.parse().with_context(|| format!("a delay of {value:?}"))
        })
    }
}

/// All files that deploy a node; each must name a command at least.
pub(super) fn read_all(linters: &Linters) -> Result<Vec<Deployment>> {
    let text = |file: &str| {
        fs::read_to_string(workspace::root().join(file)).with_context(|| format!("no {file}"))
    };
    let mut all = vec![
        named("docker/Dockerfile", dockerfile(&text("docker/Dockerfile")?)?),
        named("config/systemd/akidb.service", unit(&text("config/systemd/akidb.service")?)),
    ];
    let plist = "config/launchd/io.akidb.akidb.plist";
    let found = linters.documents(plist)?;
    all.push(named(plist, launchd(found.first().context("an empty property list")?)));
    let found = linters.documents(COMPOSE)?;
    all.push(named(COMPOSE, compose(found.first().context("an empty Compose file")?)));
    for file in manifests()? {
        let sets = linters.documents(&file)?;
        let sets = sets.iter().filter(|it| it["kind"] == "StatefulSet");
        all.extend(sets.map(|set| named(&file, stateful_set(set))));
    }
    ensure!(all.len() == 5, "one StatefulSet was expected");
    for deployment in &all {
        ensure!(!deployment.commands.is_empty(), "{} starts no akidb", deployment.file);
    }
    Ok(all)
}

fn named(file: &str, deployment: Deployment) -> Deployment {
    Deployment { file: file.to_owned(), ..deployment }
}

/// A command, where it is one of `akidb`: with the program before it or without.
fn arguments(words: &[String]) -> Option<Vec<String>> {
    match words.iter().position(|word| word == "akidb" || word.ends_with("/akidb")) {
        Some(program) => Some(words[program + 1..].to_vec()),
        None => words.first().is_some_and(|word| word == "serve").then(|| words.to_vec()),
    }
}

fn words(list: &Value) -> Vec<String> {
    let words = list.as_array().into_iter().flatten().filter_map(Value::as_str);
    words.map(str::to_owned).collect()
}

/// A path of the image or of the unpacked archive, from the folder of the archive.
fn in_archive(path: &str, prefix: &str) -> Option<String> {
    path.strip_prefix(prefix).map(str::to_owned)
}

/// Instructions, each on one line.
fn dockerfile(text: &str) -> Result<Deployment> {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let text = lines.collect::<Vec<_>>().join("\n").replace("\\\n", " ");
    let mut found = Deployment::default();
    for line in text.lines() {
        let (instruction, rest) = line.trim().split_once(' ').unwrap_or_default();
        match instruction {
            "COPY" => copied(rest, &mut found)?,
            "CMD" | "ENTRYPOINT" | "HEALTHCHECK" => {
                let list = rest.find('[').map_or(rest, |start| &rest[start..]);
                let list =
                    serde_json::from_str(list).with_context(|| format!("not JSON: {list}"))?;
                found.commands.extend(arguments(&words(&list)).filter(|it| !it.is_empty()));
            }
            _ => {}
        }
    }
    Ok(found)
}

fn copied(rest: &str, found: &mut Deployment) -> Result<()> {
    let (flags, paths): (Vec<_>, Vec<_>) =
        rest.split_whitespace().partition(|word| word.starts_with("--"));
    let Some((_, from)) = paths.split_last() else { bail!("COPY names nothing") };
    let is_built = flags.iter().any(|flag| flag.starts_with("--from="));
    for path in from {
        match is_built {
            true => found.installed.extend(in_archive(path, "/akidb/")),
            false => found.sources.push((*path).to_owned()),
        }
    }
    Ok(())
}

/// `Name=value` lines of a unit of systemd.
fn unit(text: &str) -> Deployment {
    let mut found = Deployment::default();
    for line in text.lines() {
        let (name, value) = line.split_once('=').unwrap_or_default();
        match name {
            "ExecStart" => {
                let words: Vec<_> = value.split_whitespace().map(str::to_owned).collect();
                found.installed.extend(words.iter().filter_map(|word| in_archive(word, UNPACKED)));
                found.commands.extend(arguments(&words));
            }
            "Documentation" => {
                let path = value.trim_start_matches("file://");
                found.installed.extend(in_archive(path, UNPACKED));
            }
            "Environment" => found.environment.extend(variable(value)),
            "TimeoutStopSec" => found.stop_ms = value.parse().ok().map(|s: u64| s * 1_000),
            _ => {}
        }
    }
    found
}

fn variable(text: &str) -> Option<(String, String)> {
    let (name, value) = text.split_once('=')?;
    Some((name.to_owned(), value.to_owned()))
}

fn launchd(plist: &Value) -> Deployment {
    let words = words(&plist["ProgramArguments"]);
    Deployment {
        installed: words.iter().filter_map(|word| in_archive(word, UNPACKED)).collect(),
        commands: arguments(&words).into_iter().collect(),
        stop_ms: plist["ExitTimeOut"].as_u64().map(|s| s * 1_000),
        ..Deployment::default()
    }
}

fn compose(file: &Value) -> Deployment {
    let node = &file["services"]["akidb"];
    let mut found = Deployment {
        commands: arguments(&words(&node["healthcheck"]["test"])).into_iter().collect(),
        stop_ms: node["stop_grace_period"]
            .as_str()
            .and_then(|period| period.strip_suffix('s')?.parse().ok())
            .map(|s: u64| s * 1_000),
        sources: vec![node["build"]["dockerfile"].as_str().unwrap_or_default().to_owned()],
        ..Deployment::default()
    };
    let environment = node["environment"].as_object().into_iter().flatten();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    found.environment.extend(environment.map(|(name, value)| (name.clone(), text(value))));
    for service in file["services"].as_object().into_iter().flat_map(|services| services.values()) {
        for mount in words(&service["volumes"]) {
            let from = mount.split(':').next().unwrap_or_default();
            // Paths are taken from the folder of the file; what is no path is a volume.
            if let Some(below) = from.strip_prefix("../") {
                found.sources.push(below.to_owned());
            } else if let Some(beside) = from.strip_prefix("./") {
                found.sources.push(format!("docker/{beside}"));
            }
        }
    }
    found
}

fn stateful_set(set: &Value) -> Deployment {
    let pod = &set["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let environment = container["env"].as_array().into_iter().flatten();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Deployment {
        commands: arguments(&words(&container["args"])).into_iter().collect(),
        environment: environment.map(|it| (text(&it["name"]), text(&it["value"]))).collect(),
        stop_ms: pod["terminationGracePeriodSeconds"].as_u64().map(|s| s * 1_000),
        ..Deployment::default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn strings(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn a_dockerfile_names_commands_and_paths() -> Result<()> {
        let text = "FROM a\n# COPY not this\nCOPY . .\nCOPY --from=build /akidb/bin/akidb \\\n  /bin/\n\
                    ENTRYPOINT [\"/bin/akidb\"]\nCMD [\"serve\", \"--insecure\"]\n\
                    HEALTHCHECK --timeout=5s \\\n  CMD [\"/bin/akidb\", \"ready\"]\n";
        let found = dockerfile(text)?;
        assert_eq!(found.commands, [strings(&["serve", "--insecure"]), strings(&["ready"])]);
        assert_eq!((found.installed, found.sources), (strings(&["bin/akidb"]), strings(&["."])));
        Ok(())
    }

    #[test]
    fn a_unit_names_what_it_starts_and_how_it_stops() {
        let found =
            unit("ExecStart=/opt/akidb/bin/akidb serve --config /opt/akidb/a\nTimeoutStopSec=45\n");
        assert_eq!(found.commands, [strings(&["serve", "--config", "/opt/akidb/a"])]);
        assert_eq!(found.installed, ["bin/akidb", "a"]);
        assert_eq!(found.stop_ms, Some(45_000));
    }

    #[test]
    fn a_compose_file_names_mounts_and_settings() {
        let found = compose(&json!({"services": {
            "akidb": {"environment": {"AKIDB_LOG__FORMAT": "json"}, "stop_grace_period": "45s",
                "build": {"dockerfile": "docker/Dockerfile"}, "volumes": ["data:/var/lib/akidb"],
                "healthcheck": {"test": ["CMD", "/usr/local/bin/akidb", "ready"]}},
            "other": {"volumes": ["./a.yml:/a:ro", "../config/b.json:/b"]},
        }}));
        assert_eq!(found.commands, [strings(&["ready"])]);
        assert_eq!(found.sources, ["docker/Dockerfile", "docker/a.yml", "config/b.json"]);
        assert_eq!((found.stop_ms, found.environment.len()), (Some(45_000), 1));
    }
}
