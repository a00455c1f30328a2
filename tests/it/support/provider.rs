//! The provider simulator as a process of its own, as a real provider would be.

use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

use serde_json::Value;

/// A running simulator; dropping it ends the process.
pub(crate) struct Provider {
    child: Child,
    pub(crate) issuer: String,
    pub(crate) control_url: String,
}

impl Provider {
    /// Starts one with the given arguments, e.g. `["--approval", "auto"]`.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(program())
            .args(arguments)
            .arg("--exit-with-stdin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the simulator starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output is piped")).read_line(&mut line).expect("it reports");
        let ready: Value = serde_json::from_str(&line).expect("it reports its addresses as JSON");
        let text = |member: &str| ready[member].as_str().expect("an address").to_owned();
        Self { child, issuer: text("issuer"), control_url: text("control_url") }
    }

    /// Asks the control port.
    pub(crate) async fn ask(&self, path: &str) -> Value {
        let answer = super::gateway::http().get(format!("{}{path}", self.control_url)).send().await.expect("an answer");
        answer.json().await.expect("JSON")
    }

    /// Tells the control port something.
    pub(crate) async fn tell(&self, path: &str, body: Value) {
        let request = super::gateway::http().post(format!("{}{path}", self.control_url)).json(&body);
        let answer = request.send().await.expect("an answer");
        assert!(answer.status().is_success(), "{path} with {body}: {}", answer.status());
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The simulator's program, built once with the profile of the tests. Cargo builds no other package's programs for a test,
/// so the test does.
fn program() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT
        .get_or_init(|| {
            let build = ["build", "--quiet", "--locked", "--package", "goclaw-simulator"];
            let status = Command::new(env!("CARGO")).args(build).status().expect("cargo runs");
            assert!(status.success(), "the simulator does not build");
            PathBuf::from(env!("CARGO_BIN_EXE_goclaw")).with_file_name("goclaw-simulator")
        })
        .clone()
}
