//! The program, its configuration, its data directory and its ports.

use std::{env, fs, net::SocketAddr, os::unix::fs::PermissionsExt, path::Path};

use akidb_embedding::mlx::Finding;
use akidb_local::offline::{DataDirectory, DiskSpace};
use rustix::fs::{Access, access};
use tokio::net::TcpListener;

use crate::settings::{ConfigurationArgs, ServerSettings, StorageSettings};

pub(super) fn version() -> Finding {
    let (os, machine) = (env::consts::OS, env::consts::ARCH);
    Finding::good("version", format!("akidb {} on {os} {machine}", env!("CARGO_PKG_VERSION")))
}

/// A configuration that was understood.
pub(super) fn configuration(args: &ConfigurationArgs) -> Finding {
    let message = match &args.config {
        Some(file) => format!("{} is understood", file.display()),
        None => "no file is named, defaults and variables count".to_owned(),
    };
    Finding::good("configuration", message)
}

pub(super) fn data_directory(path: &Path) -> Finding {
    const SUBJECT: &str = "data directory";
    let shown = path.display();
    let Ok(metadata) = fs::metadata(path) else {
        return match may_be_made(path) {
            true => Finding::good(SUBJECT, format!("{shown} is made when a node starts")),
            false => Finding::bad(
                SUBJECT,
                &format!(
                    "{shown} cannot be made; hint: `mkdir -p {shown}` as a user who may, or \
                     --data-dir names another"
                ),
            ),
        };
    };
    if !metadata.is_dir() {
        let message = format!("{shown} is not a directory; hint: --data-dir names another");
        return Finding::bad(SUBJECT, &message);
    }
    if !may_write(path) {
        let message = format!(
            "{shown} may not be written by this user; hint: `chown -R $(id -un) {shown}`, or \
             --data-dir names another"
        );
        return Finding::bad(SUBJECT, &message);
    }
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let message = format!(
            "{shown} has mode {mode:04o}, others can read it; hint: `chmod 700 {shown}`, or start a \
             node, which does that"
        );
        return Finding::bad(SUBJECT, &message);
    }
    match DataDirectory::is_in_use(path) {
        true => Finding::good(SUBJECT, format!("{shown} is in use by a running node")),
        false => Finding::good(SUBJECT, format!("{shown} is there and may be written")),
    }
}

/// Whether a node would take writes there.
pub(super) fn disk(storage: &StorageSettings) -> Finding {
    const SUBJECT: &str = "disk";
    const MIB: u64 = 1 << 20;
    let path = nearest_folder(&storage.data_dir);
    match DiskSpace::measure(path, storage.min_free) {
        Err(error) => Finding::skipped(SUBJECT, format!("its free room is not known: {error}")),
        Ok((free, min_free)) if free < min_free => Finding::bad(
            SUBJECT,
            &format!(
                "{} MiB are free, a node takes no writes below {} MiB; hint: make room, or lower \
                 storage.min_free",
                free / MIB,
                min_free / MIB
            ),
        ),
        Ok((free, min_free)) => Finding::good(
            SUBJECT,
            format!("{} MiB are free, writes end below {} MiB", free / MIB, min_free / MIB),
        ),
    }
}

/// The folder itself or the nearest one above it that is there.
fn nearest_folder(path: &Path) -> &Path {
    let mut folders = path.ancestors().filter(|folder| folder.is_dir());
    folders.next().unwrap_or(Path::new("."))
}

/// Whether the nearest folder above it that is there may be written.
fn may_be_made(path: &Path) -> bool {
    let mut above = path.ancestors().skip(1);
    let nearest = above.find(|above| above.as_os_str().is_empty() || above.exists());
    nearest
        .is_some_and(|above| (above.as_os_str().is_empty() || above.is_dir()) && may_write(above))
}

fn may_write(path: &Path) -> bool {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    access(path, Access::WRITE_OK | Access::EXEC_OK).is_ok()
}

pub(super) async fn ports(server: &ServerSettings) -> [Finding; 2] {
    [
        port("rest port", "--rest-addr", server.rest_addr).await,
        port("grpc port", "--grpc-addr", server.grpc_addr).await,
    ]
}

async fn port(subject: &'static str, flag: &str, addr: SocketAddr) -> Finding {
    match TcpListener::bind(addr).await {
        Ok(_) => Finding::good(subject, format!("{addr} is free")),
        Err(error) => Finding::bad(
            subject,
            &format!(
                "cannot listen on {addr}: {error}; hint: a node that runs there is stopped with \
                 SIGTERM, {flag} chooses another address"
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use akidb_embedding::mlx::Verdict;

    use super::*;

    #[test]
    fn a_data_directory_is_looked_at_and_not_changed() {
        let folder = tempfile::tempdir().unwrap();
        let good = folder.path().join("a/b");
        assert_eq!(data_directory(&good).verdict, Verdict::Good);
        assert!(!good.exists());
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let open = folder.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
        for (path, says, hint) in
            [(&file, "is not a directory", "--data-dir"), (&open, "mode 0755", "chmod 700")]
        {
            let finding = data_directory(path);
            assert_eq!(finding.verdict, Verdict::Bad);
            assert!(finding.message.contains(says), "{finding:?}");
            assert!(finding.hint.as_ref().unwrap().contains(hint), "{finding:?}");
        }
    }

    #[tokio::test]
    async fn a_port_in_use_is_told_with_the_flag() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let finding = port("rest port", "--rest-addr", taken.local_addr().unwrap()).await;
        assert_eq!(finding.verdict, Verdict::Bad);
        assert!(finding.hint.unwrap().contains("--rest-addr"));
    }
}
