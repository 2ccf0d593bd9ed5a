//! A data directory to start from, made once a process: with collections of every form, indexes,
//! snapshots and history, after a clean stop, after a kill, and as it was some time before.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use anyhow::Result;
use rand::{SeedableRng, rngs::StdRng};

use crate::{
    case::Context,
    client::Client,
    node::Node,
    oracle::{Operation, Oracle, State},
    shared::{SHARED, create_shared, must_do},
    workload::{IDS_PER_WORKER, Mix, Worker},
};

/// Cases that start from the same scene.
const CASES_A_SCENE: u64 = 256;

const MIX: Mix = Mix { catalogue: 0, batch: 30 };

/// A data directory and what it holds.
pub(crate) struct Scene {
    /// After a clean stop.
    pub(crate) clean: PathBuf,
    /// After `kill -9`.
    pub(crate) killed: PathBuf,
    /// After a clean stop some time before.
    pub(crate) older: PathBuf,
    /// What the first two hold.
    pub(crate) state: State,
}

/// Scenes by the folder that they are in and by number.
type Scenes = HashMap<(PathBuf, u64), Arc<Scene>>;

/// How the scene was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// By a clean stop.
    Clean,
    /// By `kill -9`.
    Killed,
}

impl Scene {
    /// The scene of a case.
    pub(crate) fn of(context: &Context) -> Result<Arc<Self>> {
        static SCENES: LazyLock<Mutex<Scenes>> = LazyLock::new(Mutex::default);
        let number = context.number / CASES_A_SCENE;
        // Held while a scene is made, so that others wait for it and do not make it too.
        let mut scenes = SCENES.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (context.shared.clone(), number);
        if let Some(scene) = scenes.get(&key) {
            return Ok(Arc::clone(scene));
        }
        let folder = context.shared.join(format!("scene-{number}"));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder)?;
        let scene = Arc::new(Self::make(context, &folder.canonicalize()?, number)?);
        scenes.insert(key, Arc::clone(&scene));
        Ok(scene)
    }

    fn make(context: &Context, folder: &Path, number: u64) -> Result<Self> {
        let random = StdRng::seed_from_u64(context.seed ^ number.wrapping_mul(0x9e37_79b9));
        let mut worker = Worker::new(0, random, MIX);
        let data_dir = folder.join("data");
        let node = Node::must_start(&context.launch, &data_dir)?;
        let mut client = node.client();
        let mut oracle = Oracle::new(create_shared(&mut client)?);
        fill(&mut client, &mut oracle, &mut worker)?;
        churn(&mut client, &mut oracle, &mut worker, 40)?;
        node.stop()?;
        let [older, killed, clean] = ["older", "killed", "clean"].map(|name| folder.join(name));
        copy(&data_dir, &older)?;
        let node = Node::must_start(&context.launch, &data_dir)?;
        let mut client = node.client();
        for (name, _) in SHARED {
            let (description, ef) = (worker.version(), 50);
            let collection = name.to_owned();
            must_do(
                &mut client,
                &mut oracle,
                &Operation::Settings { collection, description, ef },
            )?;
        }
        // Every document once more, so that an older file has other versions and the same counts.
        fill(&mut client, &mut oracle, &mut worker)?;
        churn(&mut client, &mut oracle, &mut worker, 60)?;
        node.kill()?;
        copy(&data_dir, &killed)?;
        Node::must_start(&context.launch, &data_dir)?.stop()?;
        copy(&data_dir, &clean)?;
        Ok(Self { clean, killed, older, state: oracle.state().clone() })
    }

    /// Where the scene is that was left so.
    pub(crate) fn folder(&self, left: Left) -> &Path {
        match left {
            Left::Clean => &self.clean,
            Left::Killed => &self.killed,
        }
    }
}

/// Writes most ids of each shared collection, a new version each.
fn fill(client: &mut Client, oracle: &mut Oracle, worker: &mut Worker) -> Result<()> {
    for (name, _) in SHARED {
        let ids: Vec<_> = (0..IDS_PER_WORKER).filter(|id| id % 5 != 4).take(200).collect();
        for ids in ids.chunks(50) {
            let documents = ids.iter().map(|id| (*id, worker.version())).collect();
            let collection = name.to_owned();
            must_do(client, oracle, &Operation::Upsert { collection, documents })?;
        }
    }
    Ok(())
}

/// Writes here and there.
fn churn(
    client: &mut Client,
    oracle: &mut Oracle,
    worker: &mut Worker,
    operations: usize,
) -> Result<()> {
    for index in 0..operations {
        let (name, _) = SHARED[index % SHARED.len()];
        let operation = worker.write_to(name);
        if let Operation::Patch { id, .. } = operation
            && !oracle.state().get(name).is_some_and(|it| it.documents.contains_key(&id))
        {
            continue;
        }
        must_do(client, oracle, &operation)?;
    }
    Ok(())
}

/// Copies a folder with all that is in it.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Every file below a folder, relative to it, in order.
pub(crate) fn files_below(root: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path.strip_prefix(root)?.to_owned());
            }
        }
    }
    files.sort();
    Ok(files)
}
