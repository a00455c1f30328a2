//! `goclaw demo`: runs a simulated provider and a gateway in a temporary folder, and prints a guide to try them. Uses
//! only this machine, reads no configuration, and deletes its files at the end.

use std::{io, net::TcpListener, path::Path, pin::pin, time::Duration};

use goclaw_simulator::{Approval, Options, Simulator, Speech, UsedPercent};
use secrecy::ExposeSecret;
use tokio::{
    select,
    signal::unix::{SignalKind, signal},
};

use super::{
    StartError,
    serve::{self, Started},
};
use crate::adapters::{
    cli::render,
    settings::{Environment, Settings},
};

/// The body of a request to the simulated model.
const REQUEST: &str = r#"{"model": "gpt-5.5", "input": "Hello", "stream": true}"#;

/// Runs the demo until SIGINT or SIGTERM, or SIGHUP, which the terminal sends when it closes.
pub(super) async fn run() -> Result<(), StartError> {
    let provider = Simulator::start(Options::default()).await;
    let provider = provider.map_err(|error| StartError::Demo(Box::new(error)))?;
    provider.update_settings(|settings| {
        settings.approval = Approval::Ask;
        // Simulate a real model: the response takes a moment and uses part of the plan.
        settings.speech = Speech::Sentences;
        settings.stream_pause = Duration::from_millis(60);
        settings.percent_per_response = UsedPercent { primary: 3, secondary: 1 };
    });
    // Before the folder exists, because a signal without a handler would leave it behind.
    let stop = serve::listen_for_stop_signals()?;
    let mut hangups = signal(SignalKind::hangup()).map_err(StartError::Runtime)?;
    let folder = tempfile::tempdir().map_err(StartError::Runtime)?;
    let settings = settings(&folder.path().display().to_string(), &provider)?;
    let started = serve::start(&settings).await?;
    let guide = guide(&provider, &started, &settings.data_dir).await?;
    render::line(&guide).map_err(StartError::Output)?;
    let mut running = pin!(serve::run(started, stop.clone()));
    select! {
        () = &mut running => {}
        _ = hangups.recv() => {
            stop.begin.cancel();
            running.await;
        }
    }
    Ok(())
}

/// Returns the guide: the steps to try.
async fn guide(provider: &Simulator, gateway: &Started, data_dir: &Path) -> Result<String, StartError> {
    let link = gateway.app.access.create_page_link(None).await.map_err(StartError::App)?.secret;
    let (issuer, base, link) = (provider.issuer(), format!("http://{}", gateway.address), link.expose_secret());
    let (keys, folder) = (provider.settings().api_keys.join(", "), data_dir.display());
    Ok(format!(
        "A simulated provider runs at {issuer}, a gateway at {base}.\n\
         \n1. Open this link in a browser, connect ChatGPT (choose Approve or Deny), and send it a prompt.\n   \
         It works once, within ten minutes:\n\
         \n     {base}/#link={link}\n\
         \n2. Use goclaw's commands and any OpenAI client in another terminal:\n\
         \n     export GOCLAW_DATA_DIR={folder} GOCLAW_GATEWAY_URL={base}\n     \
         export GOCLAW_TOKEN=$(cat $GOCLAW_DATA_DIR/gateway.token)\n     \
         goclaw auth status\n     \
         curl -N {base}/v1/responses -H \"Authorization: Bearer $GOCLAW_TOKEN\" -H 'Content-Type: application/json' \\\n       \
         -d '{REQUEST}'\n\
         \n3. Connect the simulated DashScope with the key {keys}.\n\
         \nCtrl-c stops the demo and deletes its files.\n"
    ))
}

/// Returns the settings, with free ports if the default ones are taken. The simulator accepts any redirect port.
fn settings(folder: &str, provider: &Simulator) -> Result<Settings, StartError> {
    let port_text = |default| default_or_free_port(default).map(|port| port.to_string()).map_err(StartError::Runtime);
    let (port, callback_port) = (port_text(3577)?, port_text(1455)?);
    let variables = [
        ("GOCLAW_DATA_DIR", folder),
        ("GOCLAW_PORT", &port),
        ("GOCLAW_CALLBACK__PORT", &callback_port),
        ("GOCLAW_PROVIDERS__OPENAI_CODEX__ISSUER", provider.issuer()),
        ("GOCLAW_PROVIDERS__OPENAI_CODEX__API_BASE", provider.backend_url()),
        ("GOCLAW_PROVIDERS__SUNO__API_BASE", provider.studio_url()),
        ("GOCLAW_PROVIDERS__SUNO__SESSION_URL", provider.sessions_url()),
        ("GOCLAW_PROVIDERS__DASHSCOPE__API_BASE", provider.dashscope_url()),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Ok(Settings::load(None, &Environment::from_pairs(variables))?)
}

fn default_or_free_port(default: u16) -> io::Result<u16> {
    // Without IPv6, binding to ::1 fails for another reason.
    let is_taken_on =
        |host: &&str| TcpListener::bind((*host, default)).is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse);
    let is_taken = ["127.0.0.1", "::1"].iter().any(is_taken_on);
    if is_taken { Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port()) } else { Ok(default) }
}
