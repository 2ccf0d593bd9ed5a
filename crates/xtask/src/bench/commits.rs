//! The two commits of a comparison: which they are, their checkouts, and their programs.
//!
//! HEAD is the working tree as it is, with changes that are not committed. BASE is checked out beside
//! it, as a worktree of git that is kept for the next comparison, as a fresh checkout would be built
//! as a whole again. Each is built in a target folder of its own.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    process::Output,
};

use anyhow::{Context, Result, bail};

use crate::{
    build::{self, Profile},
    process::program,
    workspace,
};

/// What is compared.
pub(super) struct Commits {
    pub(super) base: Commit,
    pub(super) head: Commit,
}

/// One state of the code.
pub(super) struct Commit {
    /// The whole hash.
    pub(super) hash: String,
    /// The first line of its message.
    pub(super) subject: String,
    /// Whether the working tree differs from it, untracked files included.
    pub(super) is_changed: bool,
}

/// What was built.
pub(super) struct Programs {
    /// The node of BASE.
    pub(super) base: PathBuf,
    /// The node of HEAD.
    pub(super) head: PathBuf,
    /// `akidb-bench` of HEAD, which drives both.
    pub(super) bench: PathBuf,
}

impl Commits {
    /// Looks up what `base` names, and what is checked out here.
    pub(super) fn find(base: &str) -> Result<Self> {
        let root = workspace::root();
        let is_changed = !git(root, &["status", "--porcelain"])?.is_empty();
        let name = format!("{base}^{{commit}}");
        let names = ["rev-parse", "--verify", "--quiet", "--end-of-options", &name];
        let found = output(root, &names)?;
        if !found.status.success() {
            bail!(
                "{base:?} names no commit of this repository\nhint: allowed is a branch, a tag, a hash \
                 or an expression such as HEAD~1; `git fetch` brings what a shallow clone lacks"
            );
        }
        let head = Commit::of(&git(root, &["rev-parse", "HEAD"])?, is_changed)?;
        Ok(Self { base: Commit::of(&text(&found), false)?, head })
    }

    /// Whether both are one state of the code, so that nothing but noise is measured.
    pub(super) fn are_the_same(&self) -> bool {
        self.base.hash == self.head.hash && !self.head.is_changed
    }

    /// Builds both; where they are the same, once.
    pub(super) fn build(&self, folder: &Path, profile: Profile) -> Result<Programs> {
        let root = workspace::root();
        let target_dir = folder.join("head/target");
        let head = build::package_of(root, &target_dir, profile, "akidb")?;
        let bench = build::package_of(root, &target_dir, profile, "akidb-bench")?;
        if self.are_the_same() {
            return Ok(Programs { base: head.clone(), head, bench });
        }
        let checkout = folder.join("base/checkout");
        check_out(&self.base.hash, &checkout)?;
        let target_dir = folder.join("base/target");
        let base = build::package_of(&checkout, &target_dir, profile, "akidb")?;
        Ok(Programs { base, head, bench })
    }
}

impl Commit {
    fn of(hash: &str, is_changed: bool) -> Result<Self> {
        let subject = git(workspace::root(), &["show", "--no-patch", "--format=%s", hash])?;
        Ok(Self { hash: hash.to_owned(), subject, is_changed })
    }
}

impl fmt::Display for Commit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hash = self.hash.get(..12).unwrap_or(&self.hash);
        let changed = if self.is_changed { ", with changes that are not committed" } else { "" };
        write!(f, "{hash} ({}){changed}", self.subject)
    }
}

/// Makes a worktree hold a commit. Files that did not change keep their times, by which cargo knows
/// what it need not build again.
fn check_out(hash: &str, checkout: &Path) -> Result<()> {
    if is_worktree(checkout) {
        git(checkout, &["checkout", "--quiet", "--detach", "--force", hash])?;
        git(checkout, &["clean", "--quiet", "--force", "-d", "-x"])?;
        return Ok(());
    }
    if checkout.exists() {
        fs::remove_dir_all(checkout)
            .with_context(|| format!("cannot remove {}", checkout.display()))?;
    }
    let root = workspace::root();
    // Of folders that `cargo clean` removed, too.
    git(root, &["worktree", "prune"])?;
    let path = checkout.to_string_lossy();
    git(root, &["worktree", "add", "--quiet", "--detach", "--force", &path, hash])?;
    Ok(())
}

/// Whether git takes the folder for the top of a checkout of its own. Inside of a folder that is none,
/// git would take the checkout around it, which is the user's working tree.
fn is_worktree(checkout: &Path) -> bool {
    let top = git(checkout, &["rev-parse", "--show-toplevel"]).ok().map(PathBuf::from);
    let resolved = |path: &Path| path.canonicalize().ok();
    let own = resolved(checkout);
    own.is_some() && top.as_deref().and_then(resolved) == own
}

fn git(folder: &Path, words: &[&str]) -> Result<String> {
    let output = output(folder, words)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`git {}` failed: {}", words.join(" "), said.trim());
    }
    Ok(text(&output))
}

/// The repository is that of the folder, whatever the environment of a hook says.
fn output(folder: &Path, words: &[&str]) -> Result<Output> {
    let mut git = program("git");
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
        git.env_remove(name);
    }
    git.arg("-C").arg(folder).args(words).output().context(
        "cannot start git\nhint: a comparison needs git and a clone, a source archive has no commits",
    )
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        git(folder.path(), &["init", "--quiet"]).unwrap();
        folder
    }

    #[test]
    fn a_folder_inside_of_a_checkout_is_no_worktree() {
        let repository = repository();
        let inside = repository.path().join("inside");
        assert!(is_worktree(repository.path()));
        assert!(!is_worktree(&inside), "it is not there");
        fs::create_dir(&inside).unwrap();
        assert!(!is_worktree(&inside));
    }

    #[test]
    fn git_says_what_it_could_not_do() {
        let repository = repository();
        let error = git(repository.path(), &["rev-parse", "--verify", "HEAD"]).unwrap_err();
        let error = error.to_string();
        assert!(error.starts_with("`git rev-parse --verify HEAD` failed: fatal:"), "{error}");
    }

    #[test]
    fn a_base_that_names_no_commit_is_refused() {
        for base in ["no-such-branch-anywhere", "--version", ""] {
            // Outside of a clone git has other reasons, which are told as they are.
            let error = Commits::find(base).err().expect("it is refused").to_string();
            assert!(error.contains("names no commit") || error.contains("git"), "{error}");
        }
    }
}
