//! `goclaw providers`: lists accounts, switches them on and off, and connects them with a key.

use std::io::{self, BufRead, IsTerminal, Read};

use secrecy::SecretString;
use tokio::signal::unix::{SignalKind, signal};

use super::{
    args::{Named, ProvidersCommand, SetSecretOptions},
    client::GatewayClient,
    error::{CliError, Exit},
    render,
    status_text::label,
    words::{HereAndNow, table},
};
use crate::{
    adapters::contract::{
        AccountState, PastedCookie, PastedToken, ProviderSummary, SecretRequest, UpdateProviderRequest,
    },
    domain::{
        ids::AccountName,
        provider::{AuthMethod, openai_codex},
        secret::{AccessToken, MAX_PASTED_SECRET_BYTES, RefreshToken},
        time::Timestamp,
    },
};

pub(super) async fn run(command: &ProvidersCommand, client: &GatewayClient, now: Timestamp) -> Result<Exit, CliError> {
    match command {
        ProvidersCommand::List(output) => {
            let all = client.providers().await?;
            if output.json {
                render::typed_json(&all)?;
            } else {
                render::line(&list(&all.providers, &HereAndNow::local(now)))?;
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
    let answer = client.update_provider(&target.name, &request).await?;
    let provider = &answer.body;
    if target.output.json {
        render::json(&answer.raw)?;
    } else {
        render::line(&switched_text(provider, enabled))?;
    }
    Ok(if provider.enabled == enabled { Exit::Yes } else { Exit::No })
}

fn switched_text(provider: &ProviderSummary, wanted: bool) -> String {
    let name = &provider.name;
    match (provider.enabled, wanted) {
        (true, true) => format!("Provider {name} is on."),
        (false, false) => format!("Provider {name} is off. Nothing is deleted."),
        (false, true) => format!("Provider {name} is still off: the configuration file says so."),
        (true, false) => format!("Provider {name} is still on."),
    }
}

/// Asks the gateway which secret the account accepts before it prompts for one.
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
    let what = match method {
        AuthMethod::ApiKey => "API key",
        AuthMethod::SessionToken | AuthMethod::OAuth => "Session token",
    };
    let wanted = if options.client_cookie { [Some(what), Some("Client cookie")] } else { [Some(what), None] };
    let [secret, cookie] = read_secrets(name, wanted)?;
    let secret = secret.unwrap_or_default();
    // Validate before sending: an invalid secret need not leave this machine.
    AccessToken::from_pasted(&secret)?;
    cookie.as_ref().map(RefreshToken::from_pasted_cookie).transpose()?;
    let mut request = SecretRequest {
        client_cookie: cookie.map(PastedCookie),
        provider_type: options.provider_type.as_deref().map(Into::into),
        unchecked: Some(options.unchecked),
        ..SecretRequest::default()
    };
    match method {
        AuthMethod::ApiKey => request.api_key = Some(PastedToken(secret)),
        AuthMethod::SessionToken | AuthMethod::OAuth => request.session_token = Some(PastedToken(secret)),
    }
    let answer = client.set_secret(name, &request).await?;
    if options.target.output.json {
        render::json(&answer.raw)?;
    } else {
        render::line(&format!("{} is connected.", answer.body.provider_name))?;
    }
    Ok(Exit::Yes)
}

/// Returns which secret an account accepts. A new account accepts the same as the built-in account of its type.
fn expected_secret(
    list: &[ProviderSummary],
    name: &AccountName,
    provider_type: Option<&str>,
) -> Result<AuthMethod, CliError> {
    let name = if name.as_str() == openai_codex::ALIAS { openai_codex::NAME } else { name.as_str() };
    let find = |wanted: &str| list.iter().find(|provider| provider.name == wanted);
    let Some(provider) = find(name).or_else(|| find(provider_type?)) else {
        return Err(CliError::UnknownProvider(name.to_owned()));
    };
    let methods = provider.auth_methods.iter().copied();
    let mut pasted = methods.filter(|method| *method != AuthMethod::OAuth);
    match (pasted.next(), pasted.next()) {
        (Some(method), None) => Ok(method),
        (Some(_), Some(_)) => Err(CliError::WhichSecret(name.to_owned())),
        (None, _) => Err(CliError::AuthMethodMismatch { name: name.to_owned(), method: AuthMethod::OAuth }),
    }
}

/// Prompts for the secrets without echo if stdin is a terminal. Otherwise reads them from stdin, one per line.
fn read_secrets(name: &AccountName, wanted: [Option<&str>; 2]) -> Result<[Option<SecretString>; 2], CliError> {
    let stdin = io::stdin();
    let [first, second] = wanted;
    if stdin.is_terminal() {
        // On Ctrl-C the prompt raises SIGINT before it restores the echo. With a handler (tokio never removes it) the
        // process survives SIGINT, and the prompt restores the echo and returns an error.
        let _handler = signal(SignalKind::interrupt()).map_err(CliError::SecretInput)?;
        let ask = |what: &str| {
            let prompt = format!("{what} for {name} (not shown): ");
            rpassword::prompt_password(prompt).map(SecretString::from).map_err(CliError::SecretInput)
        };
        return Ok([first.map(ask).transpose()?, second.map(ask).transpose()?]);
    }
    // Two more bytes than the maximum, for the line break. Validation rejects longer input.
    let limit = u64::try_from(MAX_PASTED_SECRET_BYTES).unwrap_or(u64::MAX).saturating_add(2);
    let (mut lock, mut one, mut other) = (stdin.lock(), String::new(), String::new());
    if second.is_none() {
        lock.take(limit).read_to_string(&mut one).map_err(CliError::SecretInput)?;
        return Ok([Some(one.into()), None]);
    }
    (&mut lock).take(limit).read_line(&mut one).map_err(CliError::SecretInput)?;
    lock.take(limit).read_to_string(&mut other).map_err(CliError::SecretInput)?;
    Ok([Some(one.into()), Some(other.into())])
}

fn list(providers: &[ProviderSummary], here: &HereAndNow) -> String {
    let rows = providers.iter().map(|provider| {
        let state = if provider.enabled { provider.state } else { AccountState::Disabled };
        let account = provider.account.as_ref().and_then(label).unwrap_or("-");
        let expiry = provider.expires_at.map_or_else(|| "-".to_owned(), |at| here.expiry(at));
        [
            provider.name.clone(),
            provider.provider_type.as_str().to_owned(),
            state.in_words(),
            account.to_owned(),
            expiry,
        ]
    });
    table(["NAME", "TYPE", "STATE", "ACCOUNT", "ACCESS TOKEN"], rows)
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use jiff::tz::TimeZone;

    use super::*;
    use crate::adapters::contract::{Account, AuthMethod::*, Category, ProviderType};

    fn provider(name: &str, auth_methods: &[crate::adapters::contract::AuthMethod]) -> ProviderSummary {
        ProviderSummary {
            name: name.to_owned(),
            display_name: name.to_owned(),
            provider_type: ProviderType::Suno,
            category: Category::Media,
            auth_methods: auth_methods.to_vec(),
            api_base: String::new(),
            enabled: true,
            state: AccountState::Absent,
            authenticated: false,
            expires_at: None,
            account: None,
        }
    }

    #[test]
    fn the_table_is_aligned() {
        let account = Account { email: Some("jane@example.com".into()), ..Default::default() };
        let codex = ProviderSummary {
            provider_type: ProviderType::OpenaiCodex,
            state: AccountState::Active,
            expires_at: Some(7_200),
            account: Some(account),
            ..provider("openai-codex", &[OAuth])
        };
        let here = HereAndNow { now: Timestamp::from_unix_seconds(0), zone: TimeZone::UTC };
        let off = ProviderSummary { enabled: false, ..provider("suno", &[SessionToken]) };
        assert_snapshot!(list(&[codex, off], &here), @r"
        NAME          TYPE          STATE     ACCOUNT           ACCESS TOKEN
        openai-codex  openai-codex  active    jane@example.com  expires 1970-01-01 02:00 (in 2 h)
        suno          suno          disabled  -                 -
        ");
    }

    #[test]
    fn the_account_determines_the_kind_of_secret() {
        let list = [
            provider("openai-codex", &[OAuth]),
            provider("suno", &[SessionToken]),
            provider("both", &[OAuth, ApiKey, SessionToken]),
        ];
        let expected =
            |name: &str, provider_type| expected_secret(&list, &AccountName::parse(name).unwrap(), provider_type);
        assert_eq!(expected("suno", None).unwrap(), AuthMethod::SessionToken);
        assert_eq!(expected("suno-band", Some("suno")).unwrap(), AuthMethod::SessionToken);
        assert!(matches!(expected("both", None), Err(CliError::WhichSecret(_))));
        assert_snapshot!(expected("xyz", None).unwrap_err(), @"unknown provider: xyz");
        assert_snapshot!(expected("openai", None).unwrap_err(), @"openai-codex connects with a sign-in in the browser");
    }

    #[test]
    fn an_account_disabled_by_the_configuration_is_reported() {
        let off = ProviderSummary { enabled: false, ..provider("suno", &[]) };
        assert_snapshot!(switched_text(&off, false), @"Provider suno is off. Nothing is deleted.");
        assert_snapshot!(switched_text(&off, true), @"Provider suno is still off: the configuration file says so.");
    }
}
