//! Reads pages as a person would who has one node and one checkout: each page in a shell of its own,
//! one after the other.

use std::{
    env,
    fs::{self, File},
    io::ErrorKind,
    os::unix::{fs::symlink, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::time;

use super::{answer, blocks::Block, script};
use crate::{
    model,
    node::{Addresses, Node},
    workspace,
};

const PAGE_WITHIN: Duration = Duration::from_secs(900);
const PYTHON_CLIENT: &str = "python/akidb_client/src";
const POLL_EVERY: Duration = Duration::from_millis(10);

/// What the pages are run with.
pub(crate) struct Tools {
    /// The node and command line.
    pub(crate) akidb: PathBuf,
    /// Where the default model is imported.
    pub(crate) models_dir: PathBuf,
    /// A Python with the packages that the pages say to install.
    pub(crate) python: PathBuf,
}

/// One node and one checkout, for all pages.
pub(super) struct Reader<'a> {
    tools: &'a Tools,
    folder: PathBuf,
    node: Node,
    addresses: Addresses,
}

impl<'a> Reader<'a> {
    /// Starts the node over an empty folder.
    pub(super) async fn start(tools: &'a Tools) -> Result<Self> {
        let folder = workspace::target_dir()?.join("docs");
        match fs::remove_dir_all(&folder) {
            Err(err) if err.kind() != ErrorKind::NotFound => {
                return Err(err).with_context(|| format!("cannot empty {}", folder.display()));
            }
            _ => fs::create_dir_all(&folder)?,
        }
        lay_out_home(tools, &folder.join("home"))?;
        lay_out_checkout(&folder.join("akidb"))?;
        let mut node = Node::start(&tools.akidb, &tools.models_dir, &folder.join("node"))?;
        let addresses = node.ready().await?;
        Ok(Self { tools, folder, node, addresses })
    }

    /// Runs the blocks of a page and compares their answers. What it printed stays where one fails.
    pub(super) async fn read(&self, page: &Path, blocks: &[Block]) -> Result<()> {
        let name = page.with_extension("").to_string_lossy().replace('/', "-");
        let run = PageRun { folder: self.folder.join(name), blocks };
        fs::create_dir(&run.folder)?;
        let Some(status) = finished(self.shell(&run)?).await? else {
            return Err(run.unfinished(&format!("the page took longer than {PAGE_WITHIN:?}")));
        };
        run.judge(status)?;
        Ok(fs::remove_dir_all(&run.folder)?)
    }

    /// Stops the node, which must have lasted.
    pub(super) async fn stop(self) -> Result<()> {
        self.node.stop()
    }

    fn shell(&self, run: &PageRun<'_>) -> Result<Child> {
        let mut command = Command::new("bash");
        // Nothing of the user's own nodes and installations reaches the page.
        for (name, _) in env::vars_os() {
            let name_text = name.to_string_lossy();
            if name_text.starts_with("AKIDB_") || name_text.starts_with("XDG_") {
                command.env_remove(name);
            }
        }
        let script = run.folder.join("script.sh");
        fs::write(&script, script::of_blocks(run.blocks, self.addresses))?;
        command
            .arg(script)
            .current_dir(self.folder.join("akidb"))
            .env("HOME", self.folder.join("home"))
            .env("PATH", search_path(self.tools)?)
            // As if the reader had installed the client that the pages say to install.
            .env("PYTHONPATH", workspace::root().join(PYTHON_CLIENT))
            .env("AKIDB_URL", format!("http://{}", self.addresses.rest))
            .env("no_proxy", "127.0.0.1")
            .stdin(Stdio::null())
            .stdout(File::create(run.folder.join("stdout"))?)
            .stderr(File::create(run.folder.join("stderr"))?)
            .process_group(0)
            .spawn()
            .context("cannot start bash")
    }
}

/// The model is there as if the reader had imported it.
fn lay_out_home(tools: &Tools, home: &Path) -> Result<()> {
    let models_dir = home.join(".cache/akidb/models");
    fs::create_dir_all(&models_dir)?;
    Ok(symlink(tools.models_dir.join(model::NAME), models_dir.join(model::NAME))?)
}

/// All that a clone of the repository has, and room for new files.
fn lay_out_checkout(folder: &Path) -> Result<()> {
    fs::create_dir(folder)?;
    for entry in fs::read_dir(workspace::root())? {
        let entry = entry?;
        let name = entry.file_name();
        if !name.to_string_lossy().starts_with('.') && name != "target" {
            symlink(entry.path(), folder.join(name))?;
        }
    }
    Ok(symlink(workspace::target_dir()?, folder.join("target"))?)
}

/// One page, and what it printed.
struct PageRun<'a> {
    folder: PathBuf,
    blocks: &'a [Block],
}

impl PageRun<'_> {
    /// What each block printed, by its line.
    fn printed(&self, stream: &str) -> Vec<(usize, String)> {
        let bytes = fs::read(self.folder.join(stream)).unwrap_or_default();
        script::by_block(&String::from_utf8_lossy(&bytes))
    }

    /// The failure of the block that began last.
    fn unfinished(&self, why: &str) -> anyhow::Error {
        let (stdout, stderr) = (self.printed("stdout"), self.printed("stderr"));
        let (line, printed) = stdout.last().map_or((0, ""), |(line, text)| (*line, text));
        let errors = stderr.last().map_or("", |(_, text)| text);
        failed(self.blocks, line, &format!("{why}\n{printed}{errors}"))
    }

    fn judge(&self, status: ExitStatus) -> Result<()> {
        if !status.success() {
            return Err(self.unfinished(&status.to_string()));
        }
        let stdout = self.printed("stdout");
        for (index, block) in self.blocks.iter().enumerate().filter(|(_, block)| block.is_run()) {
            let printed = stdout.iter().find(|(line, _)| *line == block.line);
            let printed = printed.map_or("", |(_, text)| text);
            let shown = self.blocks.get(index + 1).filter(|next| next.language == "json");
            let shown = shown.map(|next| next.code.as_str());
            if answer::is_error(printed) && !shown.is_some_and(|text| text.contains("\"error\"")) {
                return Err(failed(self.blocks, block.line, &format!("an error\n{printed}")));
            }
            if let Some(shown) = shown {
                answer::compare(shown, printed).map_err(|fault| {
                    failed(self.blocks, block.line, &format!("{fault}\n{printed}"))
                })?;
            }
        }
        Ok(())
    }
}

fn failed(blocks: &[Block], line: usize, why: &str) -> anyhow::Error {
    let code = blocks.iter().find(|block| block.line == line).map_or("", |block| &block.code);
    anyhow!("line {line}: {}\nof the block\n{code}", why.trim())
}

/// Waits for the shell, and ends what it left running. None where it took too long.
async fn finished(mut shell: Child) -> Result<Option<ExitStatus>> {
    let group = shell.id().try_into().ok().and_then(Pid::from_raw).context("no process id")?;
    let started = Instant::now();
    loop {
        let status = shell.try_wait()?;
        let is_late = started.elapsed() > PAGE_WITHIN;
        if status.is_some() || is_late {
            // Fails where nobody is left.
            let _ = kill_process_group(group, Signal::KILL);
        }
        match status {
            Some(status) => return Ok(Some(status)),
            None if is_late => {
                shell.wait()?;
                return Ok(None);
            }
            None => time::sleep(POLL_EVERY).await,
        }
    }
}

/// `akidb` and `python3` are those of the test.
fn search_path(tools: &Tools) -> Result<std::ffi::OsString> {
    let folder = |program: &Path| program.parent().map(Path::to_owned).unwrap_or_default();
    let own = [folder(&tools.akidb), folder(&tools.python)];
    let inherited = env::var_os("PATH").unwrap_or_default();
    Ok(env::join_paths(own.into_iter().chain(env::split_paths(&inherited)))?)
}
