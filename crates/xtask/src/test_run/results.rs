//! Which tests failed, by the file that nextest writes in the form of JUnit.

use std::{fs, io::ErrorKind, path::PathBuf};

use anyhow::{Context, Result};

use crate::workspace;

/// Where a run will write what it finds.
pub(super) struct Results {
    path: PathBuf,
}

impl Results {
    /// Removes those of an earlier run. `.config/nextest.toml` names the file.
    pub(super) fn of_profile(profile: Option<&str>) -> Result<Self> {
        let profile = profile.unwrap_or("default");
        let path = workspace::target_dir()?.join("nextest").join(profile).join("junit.xml");
        match fs::remove_file(&path) {
            Err(err) if err.kind() != ErrorKind::NotFound => {
                Err(err).with_context(|| format!("cannot remove {}", path.display()))
            }
            _ => Ok(Self { path }),
        }
    }

    /// The names of the tests that failed; none where nothing was run.
    pub(super) fn failed(&self) -> Vec<String> {
        failed(&fs::read_to_string(&self.path).unwrap_or_default())
    }
}

/// What a test has printed is escaped in the file, so that its tags are all tags.
fn failed(junit: &str) -> Vec<String> {
    let tests = junit.split("<testcase ").skip(1);
    let failed = tests.filter(|test| test.contains("<failure") || test.contains("<error"));
    failed.filter_map(name).collect()
}

/// The program and the name in it: `akidb::it serve::a`. The first attribute is `name`.
fn name(test: &str) -> Option<String> {
    let value = |start: &str| test.split(start).nth(1)?.split('"').next();
    Some(format!("{} {}", value(" classname=\"")?, value("name=\"")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_tests_are_named_with_their_program() {
        let junit = r#"<testsuites name="nextest-run" tests="3" failures="2">
            <testsuite name="akidb::it" tests="2">
              <testcase name="serve::a" classname="akidb::it" time="0.1">
                <failure type="test failure">assertion</failure></testcase>
              <testcase name="serve::b" classname="akidb::it" time="0.1"/>
            </testsuite><testsuite name="akidb-core" tests="1">
              <testcase name="c" classname="akidb-core" time="0.1">
                <system-out>&lt;failure</system-out></testcase>
              <testcase name="d" classname="akidb-core" time="0.1"><error/></testcase>
            </testsuite></testsuites>"#;
        assert_eq!(failed(junit), ["akidb::it serve::a", "akidb-core d"]);
        assert_eq!(failed(""), [""; 0]);
    }
}
