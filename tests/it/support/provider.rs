//! Runs the provider simulator as a separate process.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::SystemTime,
};

use serde_json::{Value, json};

use super::{
    command_output::first_line,
    gateway::{HttpResponse, http},
};

/// A running simulator. Dropping it kills the process.
pub(crate) struct Provider {
    child: Child,
    pub(crate) issuer: String,
    pub(crate) control_url: String,
    pub(crate) backend_url: String,
    pub(crate) sessions_url: String,
    pub(crate) studio_url: String,
    pub(crate) dashscope_url: String,
}

impl Provider {
    /// Starts a simulator that approves every authorization request.
    pub(crate) fn approving() -> Self {
        Self::start(&["--approval", "auto"])
    }

    /// Starts a simulator with these arguments.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(program())
            .args(arguments)
            // The processes share these keys, because generating them takes much CPU time.
            .args(["--signing-keys", concat!(env!("CARGO_TARGET_TMPDIR"), "/simulator-keys.pem")])
            .arg("--exit-with-stdin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the simulator starts");
        let line = first_line(child.stdout.take().expect("a piped stdout"));
        let ready: Value = serde_json::from_str(&line).expect("addresses as JSON");
        let text = |member: &str| ready[member].as_str().expect("an address").to_owned();
        Self {
            issuer: text("issuer"),
            control_url: text("control_url"),
            backend_url: text("backend_url"),
            sessions_url: text("sessions_url"),
            studio_url: text("studio_url"),
            dashscope_url: text("dashscope_url"),
            child,
        }
    }

    pub(crate) async fn get_control(&self, path: &str) -> Value {
        let response = http().get(format!("{}{path}", self.control_url)).send().await.expect("a response");
        response.json().await.expect("JSON")
    }

    pub(crate) async fn post_control(&self, path: &str, body: Value) {
        let request = http().post(format!("{}{path}", self.control_url)).json(&body);
        let response = HttpResponse::of(request.send().await.expect("a response")).await;
        assert_eq!(response.status, 200, "{path} with {body}: {}", response.text);
    }

    /// Signs in a browser to the session provider. Returns its session id, token and cookie.
    pub(crate) async fn sign_in_browser(&self) -> Value {
        let request = http().post(format!("{}/browsers", self.control_url)).json(&json!({"account": 0}));
        request.send().await.expect("a response").json().await.expect("JSON")
    }

    /// Injects a fault into the next code exchange.
    pub(crate) async fn fail_next_exchange(&self, fault: Value) {
        self.post_control("/faults", json!({"endpoint": "code_exchange", "fault": fault})).await;
    }

    /// Requests `auth_url` and returns the redirect URL.
    pub(crate) async fn redirect_for(&self, auth_url: &str) -> String {
        let response = HttpResponse::of(http().get(auth_url).send().await.expect("a response")).await;
        assert_eq!(response.status, 303, "{}", response.text);
        response.header("location").to_owned()
    }

    /// Returns every code and token issued so far.
    pub(crate) async fn issued(&self) -> Vec<String> {
        serde_json::from_value(self.get_control("/issued").await).expect("a list of secrets")
    }

    /// Returns the outcomes of all requests to `path` so far.
    pub(crate) async fn outcomes(&self, path: &str) -> Vec<String> {
        let journal = self.get_control("/journal").await;
        let entries = journal.as_array().expect("a journal").iter().filter(|entry| entry["path"] == path);
        entries.map(|entry| entry["outcome"].as_str().expect("an outcome").to_owned()).collect()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the path of the simulator's binary. Builds it if it is missing or older than its sources, because Cargo does
/// not build it for the tests of this package alone.
fn program() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT
        .get_or_init(|| {
            let program = PathBuf::from(env!("CARGO_BIN_EXE_goclaw")).with_file_name("goclaw-simulator");
            let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("simulator");
            if last_change(&program).is_none_or(|built| newest_in(&sources) > Some(built)) {
                build(&program);
            }
            program
        })
        .clone()
}

/// Builds the simulator with the profile that the tests' target folder is named after.
fn build(program: &Path) {
    let folder = program.parent().and_then(Path::file_name).and_then(OsStr::to_str).expect("a target folder");
    let profile = if folder == "debug" { "dev" } else { folder };
    let arguments = ["build", "--quiet", "--locked", "--package", "goclaw-simulator", "--bins", "--profile", profile];
    let status = Command::new(env!("CARGO")).args(arguments).status().expect("cargo runs");
    assert!(status.success(), "the simulator does not build");
}

fn newest_in(folder: &Path) -> Option<SystemTime> {
    let entries = fs::read_dir(folder).expect("the simulator's sources").flatten();
    let of_entry = |path: PathBuf| if path.is_dir() { newest_in(&path) } else { last_change(&path) };
    entries.filter_map(|entry| of_entry(entry.path())).max()
}

fn last_change(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|file| file.modified()).ok()
}
