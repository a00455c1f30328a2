//! The demo: the provider simulator and a gateway together in a temporary folder, and one link to click.
//!
//! `cargo run --example demo`. Nothing leaves this machine and nothing stays on it.

use std::{error::Error, net::TcpListener, sync::Arc, time::Duration};

use goclaw::{
    adapters::{
        cli::render,
        settings::{Environment, Settings},
        system::SystemClock,
    },
    app::{Gateway, StartOptions, StartOutcome},
    bootstrap::serve,
    domain::{
        ids::{LoginId, Principal},
        login_outcome::LoginOutcome,
        provider::openai_codex,
    },
    ports::Clock,
};
use goclaw_simulator::{Approval, Options, Simulator};
use secrecy::ExposeSecret;
use tokio_util::sync::CancellationToken;

/// A prompt for the simulated model.
const PROMPT: &str = r#"{"model": "openai-codex/gpt-5.5", "input": "Hello", "stream": true}"#;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    rustls::crypto::ring::default_provider().install_default().map_err(|_| "the TLS provider is installed twice")?;
    let provider = Simulator::start(Options::default()).await?;
    provider.set_approval(Approval::Ask);
    let folder = tempfile::tempdir()?;
    let settings = settings(&folder.path().display().to_string(), &provider)?;
    let started = serve::start(&settings).await?;
    let (base, gateway) = (format!("http://{}", started.address), started.gateway.clone());
    let (stop, token_file) = (CancellationToken::new(), settings.server.token_file.display().to_string());

    let story = async {
        let told = tokio::select! {
            told = tell(&provider, &gateway, &base, &token_file) => told,
            _ = tokio::signal::ctrl_c() => Ok(()),
        };
        stop.cancel();
        told
    };
    tokio::join!(serve::run(started, stop.clone()), story).1
}

/// Leads through the sign-in and leaves the gateway running for whatever the visitor wants to try.
async fn tell(
    provider: &Simulator,
    gateway: &Arc<Gateway>,
    base: &str,
    token_file: &str,
) -> Result<(), Box<dyn Error>> {
    render::line(&format!("A simulated provider runs at {}, a gateway at {base}.\n", provider.issuer()))?;
    let ended = sign_in(gateway).await?;
    render::line(&format!("\n{}\n", ended.sentence()))?;
    if ended == LoginOutcome::Completed {
        render::line("Ask the gateway yourself, from another terminal:\n")?;
        render::line(&format!("  curl -H \"Authorization: Bearer $(cat {token_file})\" {base}/v1/auth/openai/status"))?;
        render::line(&format!(
            "  curl -N -H \"Authorization: Bearer $(cat {token_file})\" -H 'Content-Type: application/json' \\\n       -d '{PROMPT}' {base}/v1/responses"
        ))?;
        render::line(&format!(
            "  curl -X POST -H \"Authorization: Bearer $(cat {token_file})\" {base}/v1/auth/openai/refresh"
        ))?;
        render::line(&format!("  or look at {base}/docs\n"))?;
    }
    render::line("Stop the demo with ctrl-c; the folder with everything in it goes with it.")?;
    std::future::pending().await
}

/// Ports of its own if the usual ones are taken: the simulator takes any.
fn settings(folder: &str, provider: &Simulator) -> Result<Settings, Box<dyn Error>> {
    let (port, callback_port) = (usual_or_free(3577)?.to_string(), usual_or_free(1455)?.to_string());
    let variables = [
        ("GOCLAW_DATA_DIR", folder),
        ("GOCLAW_PORT", &port),
        ("GOCLAW_CALLBACK__PORT", &callback_port),
        ("GOCLAW_PROVIDERS__OPENAI_CODEX__ISSUER", provider.issuer()),
        ("GOCLAW_PROVIDERS__OPENAI_CODEX__API_BASE", provider.backend_url()),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Ok(Settings::load(None, &Environment::from_pairs(variables))?)
}

fn usual_or_free(usual: u16) -> std::io::Result<u16> {
    let taken = ["127.0.0.1", "::1"].iter().any(|host| TcpListener::bind((*host, usual)).is_err());
    if taken { Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port()) } else { Ok(usual) }
}

async fn sign_in(gateway: &Arc<Gateway>) -> Result<LoginOutcome, Box<dyn Error>> {
    let owner = Principal::gateway_token();
    let started = gateway.start_login(openai_codex::NAME.to_owned(), owner.clone(), StartOptions::default()).await?;
    let StartOutcome::Pending(login) = started else { return Ok(LoginOutcome::Completed) };
    render::line("Open this link in a browser and choose Approve (or Deny):\n")?;
    render::line(&format!("  {}", login.auth_url.expose_secret()))?;
    outcome_of(gateway, &owner, &login.login_id).await
}

async fn outcome_of(gateway: &Gateway, owner: &Principal, login: &LoginId) -> Result<LoginOutcome, Box<dyn Error>> {
    loop {
        let last = gateway.login_status(openai_codex::NAME, owner).await?.last_login;
        if let Some(ended) = last.filter(|last| last.login_id == *login) {
            return Ok(ended.outcome);
        }
        SystemClock.sleep(Duration::from_millis(300)).await;
    }
}
