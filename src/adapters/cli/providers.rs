//! `goclaw providers`: lists accounts, switches them on and off, and connects them with a pasted secret.

use std::io::{self, BufRead, IsTerminal, Read};

use secrecy::SecretString;
use tokio::signal::unix::{SignalKind, signal};

use super::{
    args::{Named, ProvidersCommand, SetSecretOptions},
    client::GatewayClient,
    error::{CliError, Exit},
    render,
    status_text::label,
    words::{TimeFormatter, table},
};
use crate::{
    adapters::contract::{
        AccountState, PastedCookie, PastedToken, ProviderSummary, SecretRequest, UpdateProviderRequest,
    },
    domain::{
        ids::AccountName,
        pasted_cookie::{MAX_PASTED_COOKIE_BYTES, names_client_cookie},
        provider::{AuthMethod, ProviderType, openai_codex},
        secret::{AccessToken, MAX_PASTED_SECRET_BYTES},
    },
};

pub async fn run(command: &ProvidersCommand, client: &GatewayClient, times: &TimeFormatter) -> Result<Exit, CliError> {
    match command {
        ProvidersCommand::List(output) => {
            let all = client.providers().await?;
            if output.json {
                render::list_as_json(&all)?;
            } else {
                render::table(&providers_text(&all.providers, times))?;
            }
            Ok(Exit::Yes)
        }
        ProvidersCommand::Enable(target) => switch(target, true, client).await,
        ProvidersCommand::Disable(target) => switch(target, false, client).await,
        ProvidersCommand::SetSecret(options) => set_secret(options, client).await,
    }
}

async fn switch(target: &Named, enabled: bool, client: &GatewayClient) -> Result<Exit, CliError> {
    let request = UpdateProviderRequest { enabled: Some(enabled), display_name: None };
    let response = client.update_provider(&target.name, &request).await?;
    target.output.print(&response, |account| switched_text(account, enabled))?;
    Ok(if response.body.enabled == enabled { Exit::Yes } else { Exit::No })
}

pub fn switched_text(account: &ProviderSummary, wanted: bool) -> String {
    let name = &account.name;
    match (account.enabled, wanted) {
        (true, true) => format!("Account {name} is on."),
        (false, false) => format!("Account {name} is off. Nothing is deleted."),
        (false, true) => format!("Account {name} is still off: the configuration file says so."),
        (true, false) => format!("Account {name} is still on."),
    }
}

/// Connects an account. Unless an option names the kind of secret, asks the gateway which kind the account accepts.
async fn set_secret(options: &SetSecretOptions, client: &GatewayClient) -> Result<Exit, CliError> {
    let name = &options.target.name;
    let method = match (options.api_key, options.session_token) {
        (true, _) => AuthMethod::ApiKey,
        (false, true) => AuthMethod::SessionToken,
        (false, false) => {
            let list = client.providers().await?.providers;
            expected_secret(&list, name, options.provider_type.as_deref())?
        }
    };
    let is_api_key = method == AuthMethod::ApiKey;
    let kind = if is_api_key { "API key" } else { "Session token" };
    let (secret, cookie) = read_secrets(name, kind, options.client_cookie).map_err(CliError::SecretInput)?;
    let (secret, cookie) = match secret {
        // The user has pasted cookies instead of a session token.
        Some(text) if !is_api_key && cookie.is_none() && names_client_cookie(&text) => (None, Some(text)),
        secret => (secret, cookie),
    };
    // Validate first, so that an invalid secret does not leave this machine.
    secret.as_ref().map(AccessToken::from_pasted).transpose()?;
    let secret = secret.map(PastedToken);
    let (api_key, session_token) = if is_api_key { (secret, None) } else { (None, secret) };
    let request = SecretRequest {
        api_key,
        session_token,
        client_cookie: cookie.map(PastedCookie),
        provider_type: options.provider_type.as_deref().map(Into::into),
        unchecked: Some(options.unchecked),
        ..SecretRequest::default()
    };
    let response = client.set_secret(name, &request).await?;
    options.target.output.print(&response, |connected| format!("{} is connected.", connected.provider_name))?;
    Ok(Exit::Yes)
}

/// Returns the kind of secret that an account accepts. A new account is like the built-in account of its type.
pub fn expected_secret(
    list: &[ProviderSummary],
    name: &AccountName,
    provider_type: Option<&str>,
) -> Result<AuthMethod, CliError> {
    let name = if name.as_str() == openai_codex::ALIAS { openai_codex::NAME } else { name.as_str() };
    let find = |wanted: &str| list.iter().find(|account| account.name == wanted);
    let Some(account) = find(name).or_else(|| find(provider_type?)) else {
        return Err(CliError::UnknownProvider(name.to_owned()));
    };
    let methods = account.auth_methods.iter().copied();
    let mut pasted = methods.filter(|method| *method != AuthMethod::OAuth);
    match (pasted.next(), pasted.next()) {
        (Some(method), None) => Ok(method),
        (Some(_), Some(_)) => Err(CliError::WhichSecret(name.to_owned())),
        (None, _) => Err(CliError::AuthMethodMismatch { name: name.to_owned(), method: AuthMethod::OAuth }),
    }
}

/// Returns the secret and, if `with_cookie`, the cookie. With a cookie, the secret is optional. Prompts without echo if
/// stdin is a terminal. Otherwise stdin is the secret, or a line with the secret followed by the cookie.
fn read_secrets(
    name: &AccountName,
    kind: &str,
    with_cookie: bool,
) -> io::Result<(Option<SecretString>, Option<SecretString>)> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        // On Ctrl-C the prompt raises SIGINT before it restores the echo. With a handler (tokio never removes it) the
        // process survives SIGINT, and the prompt restores the echo and returns an error.
        let _handler = signal(SignalKind::interrupt())?;
        let ask = |kind: &str| rpassword::prompt_password(format!("{kind} for {name} (not shown): "));
        if !with_cookie {
            return Ok((Some(ask(kind)?.into()), None));
        }
        let secret = ask(&format!("{kind}, or nothing,"))?;
        let secret = (!secret.trim().is_empty()).then(|| secret.into());
        return Ok((secret, Some(ask("Client cookie")?.into())));
    }
    // Two more bytes than the maximum, for the line break. Validation rejects a longer secret.
    let limit_of = |most: usize| u64::try_from(most).unwrap_or(u64::MAX).saturating_add(2);
    let limit = limit_of(MAX_PASTED_SECRET_BYTES);
    let (mut stdin, mut secret, mut cookie) = (stdin.lock(), String::new(), String::new());
    if !with_cookie {
        // The text may be a cookie, which can be longer than a secret.
        stdin.take(limit_of(MAX_PASTED_COOKIE_BYTES)).read_to_string(&mut secret)?;
        return Ok((Some(secret.into()), None));
    }
    (&mut stdin).take(limit).read_line(&mut secret)?;
    stdin.take(limit_of(MAX_PASTED_COOKIE_BYTES)).read_to_string(&mut cookie)?;
    // A single line is the cookie. A token has none of these characters, so such a first line belongs to the cookie.
    if cookie.trim().is_empty() || secret.contains(['=', ';', ':', '\'', '"', '\t']) {
        return Ok((None, Some((secret + &cookie).into())));
    }
    let secret = (!secret.trim().is_empty()).then(|| secret.into());
    Ok((secret, Some(cookie.into())))
}

pub fn providers_text(providers: &[ProviderSummary], times: &TimeFormatter) -> String {
    let mut sorted: Vec<&ProviderSummary> = providers.iter().collect();
    // In natural order, work-2 comes before work-10.
    sorted.sort_by(|one, other| natord::compare(&one.name, &other.name));
    let rows = sorted.into_iter().map(|account| {
        let state = if account.enabled { account.state } else { AccountState::Disabled };
        let account_label = account.account.as_ref().and_then(label).unwrap_or("-");
        let expiry = account.expires_at.map_or_else(|| "-".to_owned(), |at| times.expiry(at));
        [
            account.name.clone(),
            account.provider_type.map_or("-", ProviderType::as_str).to_owned(),
            state.in_words(),
            account_label.to_owned(),
            expiry,
        ]
    });
    table(["NAME", "TYPE", "STATE", "ACCOUNT", "ACCESS TOKEN"], rows)
}
