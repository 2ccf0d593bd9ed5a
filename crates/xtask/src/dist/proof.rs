//! The proof that an archive is whole: unpacked in an empty folder, without a network, the node in it
//! starts with the model in it and does all that `cargo xtask smoke` asks.

use std::{
    fs,
    io::ErrorKind,
    net::{SocketAddr, TcpStream},
    path::Path,
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use tempfile::tempdir;
use tokio::runtime;

use super::pack;
use crate::{
    node::Node,
    process::{self, program, succeeds},
    smoke,
};

/// Of a block that is for documentation, where nobody is.
const NOBODY: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)), 9);

/// Unpacks and starts it.
pub(super) fn prove(archive: &Path) -> Result<()> {
    let empty = tempdir()?;
    process::run(program("tar").arg("-xzf").arg(archive).arg("-C").arg(empty.path()))?;
    let mut folders = fs::read_dir(empty.path())?;
    let folder = folders.next().context("the archive is empty")??.path();
    ensure!(folders.next().is_none(), "the archive has more than one folder at its top");
    pack::check_checksums(&folder)?;
    if succeeds(in_network_of_its_own().args(["ip", "link", "set", "lo", "up"])) {
        // Building everything may have replaced this program's file; what runs is still here.
        let own = tempdir()?;
        let program = own.path().join("xtask");
        fs::copy("/proc/self/exe", &program).context("cannot copy this program")?;
        let prove = ["dist", "--prove"];
        return process::run(in_network_of_its_own().arg(program).args(prove).arg(folder));
    }
    eprintln!(
        "the network cannot be switched off here (`unshare --map-root-user --net` and `ip` are \
         needed): the archive is started with the network on"
    );
    start(&folder)
}

/// A program with a network in which nobody else is.
fn in_network_of_its_own() -> Command {
    let mut command = program("unshare");
    command.args(["--map-root-user", "--net", "--"]);
    command
}

/// Starts what was unpacked, in a process that [`prove`] has given a network of its own.
pub(super) fn without_network(folder: &Path) -> Result<()> {
    process::run(program("ip").args(["link", "set", "lo", "up"]))?;
    let reached = TcpStream::connect_timeout(&NOBODY, Duration::from_secs(1));
    let is_off = reached.is_err_and(|error| error.kind() == ErrorKind::NetworkUnreachable);
    ensure!(is_off, "the network is not off");
    println!("the network is off, of all addresses only this machine's own can be reached");
    start(folder)
}

fn start(folder: &Path) -> Result<()> {
    let akidb = folder.join("bin/akidb");
    let scratch = tempdir()?;
    // No models but those of the archive.
    let no_models = scratch.path().join("no-models");
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut node = Node::start(&akidb, &no_models, &scratch.path().join("node"))?;
        let addresses = node.ready().await?;
        let url = |address| format!("http://{address}");
        let asked = smoke::ask(&url(addresses.rest), &url(addresses.grpc)).await;
        node.stop()?;
        asked
    })
}
