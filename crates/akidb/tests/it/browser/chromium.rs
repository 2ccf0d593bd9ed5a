//! A real browser without a window, driven over a pipe by the DevTools protocol.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    thread,
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;

/// After it a browser that hangs is killed, and the test fails.
const LIFETIME: Duration = Duration::from_secs(600);

/// The browser, which every name below `.test` leads to this machine.
pub(crate) struct Chromium {
    child: Child,
    requests: ChildStdin,
    replies: BufReader<ChildStdout>,
    session: Value,
    last_id: u64,
    _profile: TempDir,
}

impl Chromium {
    /// Starts one, or says that there is none.
    #[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
    pub(crate) fn start() -> Option<Self> {
        let Some(program) = program() else {
            eprintln!("SKIPPED: there is no chromium; `cargo xtask test` fetches one");
            return None;
        };
        let profile = tempfile::tempdir().unwrap();
        // The protocol is spoken on the descriptors 3 and 4.
        let mut child = Command::new("sh")
            .args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1"])
            .arg(program)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
            .args(["--no-first-run", "--remote-debugging-pipe"])
            .arg("--host-resolver-rules=MAP *.test 127.0.0.1")
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .env("HOME", profile.path())
            .envs(env::var_os("AKIDB_TEST_CHROMIUM_LIBRARIES").map(|it| ("LD_LIBRARY_PATH", it)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (requests, replies) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        kill_after_lifetime(child.id());
        let mut browser = Self {
            child,
            requests,
            replies: BufReader::new(replies),
            session: Value::Null,
            last_id: 0,
            _profile: profile,
        };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"}));
        let target = json!({"targetId": target["targetId"], "flatten": true});
        browser.session = browser.call("Target.attachToTarget", target)["sessionId"].clone();
        browser.call("Page.enable", json!({}));
        Some(browser)
    }

    /// Goes to a page and waits until it is loaded.
    pub(crate) fn go_to(&mut self, url: &str) {
        let id = self.send("Page.navigate", json!({"url": url}));
        let (mut answered, mut loaded) = (false, false);
        while !(answered && loaded) {
            let message = self.receive();
            answered |= message["id"] == id;
            loaded |= message["method"] == "Page.loadEventFired";
        }
    }

    /// What a script of the page answers; a promise is waited for.
    pub(crate) fn run(&mut self, script: &str) -> Value {
        let asked = json!({"expression": script, "awaitPromise": true, "returnByValue": true});
        let answer = self.call("Runtime.evaluate", asked);
        assert!(answer.get("exceptionDetails").is_none(), "{script}: {answer}");
        answer["result"]["value"].clone()
    }

    fn call(&mut self, method: &str, params: Value) -> Value {
        let id = self.send(method, params);
        loop {
            let message = self.receive();
            if message["id"] == id {
                assert!(message.get("error").is_none(), "{method}: {message}");
                return message["result"].clone();
            }
        }
    }

    fn send(&mut self, method: &str, params: Value) -> u64 {
        self.last_id += 1;
        let mut message = json!({"id": self.last_id, "method": method, "params": params});
        if !self.session.is_null() {
            message["sessionId"] = self.session.clone();
        }
        let message = format!("{message}\0");
        self.requests.write_all(message.as_bytes()).unwrap();
        self.last_id
    }

    fn receive(&mut self) -> Value {
        let mut message = Vec::new();
        self.replies.read_until(0, &mut message).unwrap();
        assert_eq!(message.pop(), Some(0), "the browser has ended");
        serde_json::from_slice(&message).unwrap()
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn kill_after_lifetime(process: u32) {
    let process = rustix::process::Pid::from_raw(process.try_into().unwrap()).unwrap();
    thread::spawn(move || {
        thread::sleep(LIFETIME);
        let _ = rustix::process::kill_process(process, rustix::process::Signal::KILL);
    });
}

/// What `cargo xtask test` has found or unpacked, or one that is installed.
fn program() -> Option<PathBuf> {
    if let Some(given) = env::var_os("AKIDB_TEST_CHROMIUM") {
        return Some(given.into());
    }
    let search_path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&search_path).find_map(|folder| {
        let names = ["chromium", "chromium-browser", "google-chrome"];
        names.iter().map(|name| folder.join(name)).find(|path| path.is_file())
    })
}
