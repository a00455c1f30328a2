//! The demo: runs the provider simulator and a gateway in a temporary folder and prints a link to the page.
//!
//! `cargo run --example demo`. It uses only this machine and deletes its files at the end.

use std::{error::Error, net::TcpListener, sync::Arc, time::Duration};

use goclaw::{
    adapters::{
        cli::render,
        settings::{Environment, Settings},
    },
    app::App,
    bootstrap::serve::{self, Stop},
};
use goclaw_simulator::{Approval, Options, Simulator, UsedPercent};
use secrecy::ExposeSecret;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A prompt for the simulated model.
const PROMPT: &str = r#"{"model": "openai-codex/gpt-5.5", "input": "Hello", "stream": true}"#;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    if std::env::args().count() > 1 {
        return Err("the demo takes no arguments: cargo run --example demo".into());
    }
    rustls::crypto::ring::default_provider().install_default().map_err(|_| "the TLS provider is installed twice")?;
    let provider = Simulator::start(Options::default()).await?;
    provider.update_settings(|settings| {
        settings.approval = Approval::Ask;
        // Like a real model: the response takes a moment and uses part of the plan.
        settings.stream_deltas = 24;
        settings.stream_pause = Duration::from_millis(60);
        settings.percent_per_response = UsedPercent { primary: 3, secondary: 1 };
    });
    let folder = tempfile::tempdir()?;
    let settings = settings(&folder.path().display().to_string(), &provider)?;
    let started = serve::start(&settings).await?;
    let (base, gateway) = (format!("http://{}", started.address), started.app.clone());
    let mut terminate = signal(SignalKind::terminate())?;
    let (stop, token_file) = (CancellationToken::new(), settings.token_file().display().to_string());

    let guide = async {
        let result = tokio::select! {
            result = print_guide(&provider, &gateway, &base, &token_file) => result,
            _ = tokio::signal::ctrl_c() => Ok(()),
            _ = terminate.recv() => Ok(()),
        };
        stop.cancel();
        result
    };
    tokio::join!(serve::run(started, Stop { begin: stop.clone(), ..Stop::default() }), guide).1
}

/// Prints the link to the page and the commands for a terminal, then waits.
async fn print_guide(
    provider: &Simulator,
    gateway: &Arc<App>,
    base: &str,
    token_file: &str,
) -> Result<(), Box<dyn Error>> {
    let link = gateway.access.create_page_link(None).await?.secret;
    render::line(&format!("A simulated provider runs at {}, a gateway at {base}.\n", provider.issuer()))?;
    render::line("Open this link in a browser, connect ChatGPT (choose Approve or Deny), and send it a prompt:\n")?;
    render::line(&format!("  {base}/#link={}\n", link.expose_secret()))?;
    render::line(
        "The link works once, within ten minutes; goclaw open creates another one. To use goclaw's commands with the demo, type in another terminal:\n",
    )?;
    render::line(&format!("  export GOCLAW_GATEWAY_URL={base} GOCLAW_TOKEN=$(cat {token_file})\n"))?;
    render::line("After ChatGPT is connected, type there:\n")?;
    render::line(&format!(
        "  curl -N -H \"Authorization: Bearer $GOCLAW_TOKEN\" -H 'Content-Type: application/json' \\\n       -d '{PROMPT}' {base}/v1/responses\n"
    ))?;
    for key in provider.settings().api_keys {
        render::line(&format!("The simulated DashScope accepts the key {key}."))?;
    }
    render::line("Stop the demo with ctrl-c. That deletes its folder.")?;
    std::future::pending().await
}

/// Returns the settings, with free ports if the default ones are in use: the simulator accepts any redirect port.
fn settings(folder: &str, provider: &Simulator) -> Result<Settings, Box<dyn Error>> {
    let (port, callback_port) = (default_or_free(3577)?.to_string(), default_or_free(1455)?.to_string());
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

fn default_or_free(default: u16) -> std::io::Result<u16> {
    let taken = ["127.0.0.1", "::1"].iter().any(|host| TcpListener::bind((*host, default)).is_err());
    if taken { Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port()) } else { Ok(default) }
}
