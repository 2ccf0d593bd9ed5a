//! Where configuration comes from: flags, environment variables, one file.
//!
//! Out of scope: what wins over what, which is [`super::resolve`]'s.

use std::{collections::BTreeMap, fs, path::PathBuf};

use clap::Args;

use crate::failure::{Failure, Result};

/// How the configuration is found. There is no file that is read without being named.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ConfigurationArgs {
    /// The configuration file, TOML; every key is in config/akidb.toml
    #[arg(long, value_name = "FILE", env = "AKIDB_CONFIG", global = true)]
    pub(crate) config: Option<PathBuf>,
}

/// A command line flag that sets a key.
#[derive(Clone, Debug)]
pub(crate) struct Flag {
    /// As it is written, `--rest-addr`.
    pub(crate) name: &'static str,
    /// The key, `server.rest_addr`.
    pub(crate) key: &'static str,
    /// As it was given.
    pub(crate) value: String,
}

impl Flag {
    /// The flag, where it was given.
    pub(crate) fn given(
        name: &'static str,
        key: &'static str,
        value: Option<impl ToString>,
    ) -> Option<Self> {
        value.map(|value| Self { name, key, value: value.to_string() })
    }
}

/// Flags that win over the same keys of the file and the environment.
#[derive(Args, Debug)]
pub(crate) struct SettingFlags {
    /// Where the data lies, storage.data_dir
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Where REST listens, server.rest_addr; port 0 takes any free one
    #[arg(long, value_name = "ADDRESS")]
    rest_addr: Option<String>,
    /// Where gRPC listens, server.grpc_addr
    #[arg(long, value_name = "ADDRESS")]
    grpc_addr: Option<String>,
}

impl SettingFlags {
    /// Those that were given.
    pub(crate) fn given(&self) -> Vec<Flag> {
        let data_dir = self.data_dir.as_ref().map(|path| path.display());
        [
            Flag::given("--data-dir", "storage.data_dir", data_dir),
            Flag::given("--rest-addr", "server.rest_addr", self.rest_addr.as_ref()),
            Flag::given("--grpc-addr", "server.grpc_addr", self.grpc_addr.as_ref()),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// Everything that the settings are made of, read but not yet understood.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sources {
    /// The file's path and text.
    pub(crate) file: Option<(PathBuf, String)>,
    /// The environment of the process.
    pub(crate) environment: BTreeMap<String, String>,
    /// Those flags that were given.
    pub(crate) flags: Vec<Flag>,
}

impl Sources {
    /// Reads the file and the environment of this process.
    pub(crate) fn read(args: &ConfigurationArgs, flags: Vec<Flag>) -> Result<Self> {
        let file = match &args.config {
            Some(path) => Some((path.clone(), read_file(path.clone())?)),
            None => None,
        };
        let mut environment = BTreeMap::new();
        for (name, value) in std::env::vars_os() {
            // A name that is not Unicode is none of ours.
            let Ok(name) = name.into_string() else { continue };
            match value.into_string() {
                Ok(value) => drop(environment.insert(name, value)),
                Err(_) if name.starts_with("AKIDB_") => {
                    let message = format!("the environment variable {name} is not UTF-8");
                    return Err(Failure::configuration(message).hint("give it as text in UTF-8"));
                }
                Err(_) => {}
            }
        }
        Ok(Self { file, environment, flags })
    }
}

fn read_file(path: PathBuf) -> Result<String> {
    fs::read_to_string(&path).map_err(|error| {
        Failure::configuration(format!("cannot read the configuration {}: {error}", path.display()))
            .hint("--config or AKIDB_CONFIG names it; a node needs none, the defaults are complete")
    })
}
