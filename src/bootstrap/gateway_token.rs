//! `goclaw tokens rotate`: replaces the gateway token. The old token stays valid for a while.
//!
//! A second file has the digest and the expiry of the old token. A running gateway rereads both files when a request
//! has a gateway token or an unknown one. The command sends a request with the new token, to report if that fails.

use std::{path::PathBuf, sync::Arc, time::Duration};

use secrecy::{ExposeSecret, SecretString, zeroize::Zeroizing};
use serde_json::json;

use super::{
    StartError,
    backup::print,
    connection::{check_listener, is_insecure, to_gateway_of},
    first_start::{self, PREVIOUS_TOKEN_FILE, token_file_manager},
    stores::{Storage, check_exists},
};
use crate::{
    adapters::{
        cli::{Connection, client::GatewayClient, render, words::TimeFormatter},
        http::{GatewayTokens, TokenSource},
        secret_file::{ManagedBy, read_secret_file, replace_secret_file},
        settings::{Environment, Settings},
        system::{SystemClock, SystemRandom},
    },
    app::{LONGEST_OVERLAP, Vault},
    domain::{
        api_token::TokenDigest,
        audit::{AuditAction, AuditEvent, in_utc},
        gateway_token,
        time::Timestamp,
    },
    ports::{Clock, Random},
};

/// Maximum number of attempts to send the new token to a running gateway, and the pause between them.
const TRIES: usize = 3;
const PAUSE: Duration = Duration::from_millis(1_100);

/// Returns the digests of the current token and of the one that it replaced.
pub(super) fn digests(settings: &Settings, token: &SecretString) -> GatewayTokens {
    GatewayTokens { current: TokenDigest::of(token.expose_secret()), previous: previous(settings) }
}

/// Returns a function that rereads the tokens while the gateway runs. Only tokens in files can change.
pub(super) fn source(settings: &Settings) -> TokenSource {
    let (path, managed_by) = (settings.token_file(), token_file_manager(settings));
    let (configured, previous_file) = (settings.server.token.clone(), previous_file(settings));
    Box::new(move || {
        let token = match &configured {
            Some(token) => token.clone(),
            None => read_secret_file(&path, managed_by).ok().flatten().filter(is_valid)?,
        };
        let current = TokenDigest::of(token.expose_secret());
        Some(GatewayTokens { current, previous: read_previous(&previous_file) })
    })
}

fn is_valid(token: &SecretString) -> bool {
    gateway_token::is_long_enough(token) && gateway_token::is_sendable(token)
}

/// Writes a new token into the gateway's own file, and prints it. A configured token is not replaced: the command only
/// keeps it valid for a while after its owner replaces it.
///
/// # Errors
/// [`StartError::RotatesHereOnly`] if `GOCLAW_GATEWAY_URL` is set: it may name another gateway.
/// [`StartError::NotStartedYet`] if the gateway has never run here. [`StartError::AmbiguousToken`] if `GOCLAW_TOKEN` is set beside the gateway's own
/// file: the variable may be a copy for commands, an outdated one, or a program's token, which must not become valid as
/// the previous gateway token.
pub(super) async fn rotate(
    settings: &Settings,
    environment: &Environment,
    overlap: Duration,
    as_json: bool,
) -> Result<(), StartError> {
    if environment.text("GOCLAW_GATEWAY_URL").is_some() {
        return Err(StartError::RotatesHereOnly);
    }
    first_start::check_data_folder(settings)?;
    check_exists(&settings.database).map_err(|_no_database| StartError::NotStartedYet(settings.token_file()))?;
    let own_file = settings.data_dir.join("gateway.token");
    if environment.text("GOCLAW_TOKEN").is_some() && own_file.exists() {
        return Err(StartError::AmbiguousToken(own_file));
    }
    let (path, is_configured) = (settings.token_file(), is_configured(settings));
    let missing = if is_configured { StartError::ConfiguredFileMissing } else { StartError::NotStartedYet };
    let old = match &settings.server.token {
        Some(token) => token.clone(),
        None => read_secret_file(&path, token_file_manager(settings))?.ok_or_else(|| missing(path.clone()))?,
    };
    let now = SystemClock.now();
    let until = now.plus(overlap.min(LONGEST_OVERLAP));
    let in_words = TimeFormatter::local(now).time(until.unix_seconds());
    let line = format!("{} {}", TokenDigest::of(old.expose_secret()).as_str(), until.unix_seconds());
    let Storage { stores, cipher, .. } = Storage::open(settings, Arc::new(SystemRandom)).await?;
    let detail = if is_configured {
        format!("the configured one stays valid until {}; it has no successor yet", in_utc(until))
    } else {
        format!("the old one until {}", in_utc(until))
    };
    let event = AuditEvent::done(AuditAction::TokenRotated, "gateway token", Some(detail));
    stores.audit.append(event, &Vault::new(cipher).author(now)).await?;
    // A database that fails must not end the validity of the token before the old one, which is in the same file.
    replace_secret_file(&previous_file(settings), &line.into())?;
    let previous_valid_until = until.unix_seconds();
    if is_configured {
        let text = format!(
            "The gateway's token is configured (GOCLAW_TOKEN or a setting). The current token stays valid on this machine until {in_words}.\nNow put a new \
             one into its place (openssl rand -hex 32), and restart the gateway. With several gateways, run this on each of \
             their machines first."
        );
        let json = json!({"previous_valid_until": previous_valid_until}).to_string();
        return print(if as_json { &json } else { &text });
    }
    let mut bytes = [0; 32];
    SystemRandom.fill(&mut bytes)?;
    let new = gateway_token::generate(&bytes);
    replace_secret_file(&path, &new)?;
    let text = new.expose_secret();
    let json = Zeroizing::new(json!({"token": text, "previous_valid_until": previous_valid_until}).to_string());
    print(if as_json { &json } else { text })?;
    if !as_json {
        render::error(&format!("It is in {}. The old token is valid until {in_words}.", path.display()));
    }
    send_to_running_gateway(settings, new, is_insecure(environment)).await;
    Ok(())
}

/// Sends a request with the new token to the gateway on this machine, if it runs, so that it rereads the files.
async fn send_to_running_gateway(settings: &Settings, token: SecretString, insecure: bool) {
    let port = settings.server.port.to_string();
    if !insecure && let Err(error) = check_listener(settings, &port) {
        return render::error(&error.to_string());
    }
    let gateway = to_gateway_of(settings, &port);
    let gateway = Connection { token: Some(token), ..gateway };
    let Ok(client) = GatewayClient::new(&gateway) else { return };
    for _ in 0..TRIES {
        if client.health().await.is_err() || client.audit(1).await.is_ok() {
            return;
        }
        // The gateway reads the files at most once a second.
        SystemClock.sleep(PAUSE).await;
    }
    render::error("The gateway that runs here did not accept the new token; restart it.");
}

fn is_configured(settings: &Settings) -> bool {
    settings.server.token.is_some() || token_file_manager(settings) == ManagedBy::Owner
}

fn previous_file(settings: &Settings) -> PathBuf {
    settings.data_dir.join(PREVIOUS_TOKEN_FILE)
}

fn previous(settings: &Settings) -> Option<(TokenDigest, Timestamp)> {
    read_previous(&previous_file(settings))
}

fn read_previous(path: &std::path::Path) -> Option<(TokenDigest, Timestamp)> {
    let text = read_secret_file(path, ManagedBy::Gateway).ok().flatten()?;
    let (digest, until) = text.expose_secret().split_once(' ')?;
    Some((TokenDigest::from_stored(digest.to_owned()), Timestamp::from_unix_seconds(until.parse().ok()?)))
}
