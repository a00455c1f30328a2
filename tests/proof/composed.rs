//! Runs gateways for the proof: the shipped parts, with decorators around some ports. The process is this test program
//! with a special first argument, so that the shipped binary contains no test code.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{ChildStdout, Command, ExitCode, Stdio},
};

use goclaw::{
    adapters::{
        logging,
        settings::{Environment, Settings},
    },
    bootstrap::serve,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    decorated::{Changes, GatewayPoint, Sabotage},
    support::gateway::{Gateway, Home, TEST_DEADLINE, eventually},
};

/// The first argument that makes this program a gateway.
const ROLE: &str = "composed-gateway";
const STOP_AT: &str = "--stop-at";
const SABOTAGE: &str = "--sabotage";
const PATIENT: &str = "--patient";
/// The line that a gateway prints once it listens. The shipped gateway writes it to its log.
const READY: &str = "goclaw is running";
/// The name of a gateway's log in its home.
const LOG: &str = "gateway";

/// Runs a gateway until it is killed, if this process was started as one.
pub(crate) fn run_if_asked() -> Option<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() != Some(ROLE) {
        return None;
    }
    let changes = changes_of(arguments);
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let environment = Environment::of_process();
        let settings = Settings::load(None, &environment).expect("valid settings");
        logging::start("info", environment.text("RUST_LOG"), false);
        let started = serve::start_with(&settings, |ports| changes.decorate(ports)).await.expect("it starts");
        println!("{READY}");
        serve::run(started, serve::Stop::default()).await;
    });
    Some(ExitCode::SUCCESS)
}

fn changes_of(mut arguments: impl Iterator<Item = String>) -> Changes {
    let mut changes = Changes::default();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            PATIENT => changes.patient = true,
            STOP_AT => changes.stop_at = arguments.next().as_deref().and_then(parse::<GatewayPoint>),
            SABOTAGE => changes.sabotage = arguments.next().as_deref().and_then(parse::<Sabotage>),
            other => panic!("unknown argument {other}"),
        }
    }
    changes
}

/// Returns the value with this serialized name.
pub(crate) fn parse<T: DeserializeOwned>(name: &str) -> Option<T> {
    serde_json::from_value(Value::from(name)).ok()
}

/// Returns a value's serialized name, as used in tables and arguments.
pub(crate) fn name_of(value: impl Serialize) -> String {
    let name = serde_json::to_value(value).expect("a name");
    name.as_str().expect("a name").to_owned()
}

/// Returns the command that runs a gateway in `home`: the shipped one, or a composed one if there is a sabotage.
pub(crate) fn command_with(home: &Home, sabotage: Option<Sabotage>) -> Command {
    match sabotage {
        None => home.command(&[]),
        Some(_) => command(home, &Changes { sabotage, ..Changes::default() }),
    }
}

/// Starts a gateway in `home` and waits until it listens.
pub(crate) async fn start(home: &Home, sabotage: Option<Sabotage>) -> Gateway {
    let count_starts =
        || ["stdout", "stderr"].map(|stream| home.printed(LOG, stream).matches(READY).count()).iter().sum::<usize>();
    let before = count_starts();
    let child = home.spawn(command_with(home, sabotage), LOG);
    // Do not poll over HTTP before the gateway listens, because polling slows down a dozen starts on a busy machine.
    eventually("the gateway to start", || std::future::ready((count_starts() > before).then_some(()))).await;
    home.wait_until_healthy(child).await
}

/// A gateway that a test will kill.
pub(crate) struct Victim {
    pub(crate) gateway: Gateway,
    output: Output,
}

impl Victim {
    pub(crate) async fn start(home: &Home, changes: &Changes) -> Self {
        let mut command = command(home, changes);
        let log = home.path().join("victim.stderr");
        let stderr = fs::File::create(&log).expect("a log");
        let mut child = command.stdout(Stdio::piped()).stderr(stderr).spawn().expect("it starts");
        let lines = BufReader::new(child.stdout.take().expect("a piped stdout"));
        let output = Output { lines, log }.read_up_to(READY.to_owned()).await;
        Self { gateway: home.wait_until_healthy(child).await, output }
    }

    /// Waits until the gateway announces `point`, where it stops. Dropping the returned gateway kills it.
    pub(crate) async fn wait_for_point(self, point: GatewayPoint) -> Gateway {
        self.output.read_up_to(announcement(point)).await;
        self.gateway
    }
}

/// A victim's output.
struct Output {
    lines: BufReader<ChildStdout>,
    log: PathBuf,
}

impl Output {
    /// Reads up to the line `wanted` on a thread. It does not poll, because a process must be killed quickly at its
    /// point.
    async fn read_up_to(mut self, wanted: String) -> Self {
        let (failure, log) = (format!("the gateway did not say: {wanted}"), self.log.clone());
        #[expect(clippy::disallowed_methods, reason = "it ends with the gateway's output")]
        let reading = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            while line.trim_end() != wanted {
                line.clear();
                // The output ends when the gateway ends.
                (self.lines.read_line(&mut line).ok()? > 0).then_some(())?;
            }
            Some(self)
        });
        match tokio::time::timeout(TEST_DEADLINE, reading).await {
            Ok(Ok(Some(output))) => output,
            _ => panic!("{failure}; its log: {}", fs::read_to_string(log).unwrap_or_default()),
        }
    }
}

/// Returns the line that announces a point.
pub(crate) fn announcement(point: GatewayPoint) -> String {
    format!("reached {}", name_of(point))
}

/// Returns the command that runs this program as a gateway in `home`.
fn command(home: &Home, changes: &Changes) -> Command {
    let shipped = home.command(&[]);
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.arg(ROLE).env_clear().current_dir(home.path()).stdin(Stdio::null());
    command.envs(shipped.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if let Some(point) = changes.stop_at {
        command.args([STOP_AT, &name_of(point)]);
    }
    if let Some(sabotage) = changes.sabotage {
        command.args([SABOTAGE, &name_of(sabotage)]);
    }
    if changes.patient {
        command.arg(PATIENT);
    }
    command
}
