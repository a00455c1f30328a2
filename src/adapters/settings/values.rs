//! Functions for `#[serde(deserialize_with = "..")]`, one for each kind of value. Their errors say what is allowed.
//! Most of them work for required and optional fields.

use std::{fmt::Display, net::IpAddr, path::PathBuf, time::Duration};

use humantime::parse_duration;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, de::Error};
use url::Url;

use super::error::{rejected, rejected_secret};
use crate::{
    adapters::logging::parse_filter,
    domain::{
        ids::AccountName,
        model_ref::{ModelName, ModelRef},
        networks::{IpNet, parse_network},
        oauth_client::EndpointUrl,
        outbound_proxy::{InvalidProxy, ProxyChoice},
        provider::ProviderType,
        proxy::ProxyRule,
        public_url::PublicUrl,
        refresh::RevocationScope,
        signing_key::SigningKey,
    },
};

/// RFC 6749 section 4.1.2 recommends ten minutes as the maximum lifetime of a code.
const LONGEST_LOGIN_LIFETIME: Duration = Duration::from_secs(10 * 60);

/// Maximum of `database.pool_size`: five times the number of connections that PostgreSQL allows by default.
const MOST_CONNECTIONS: usize = 500;

/// Defines functions that read a text and parse it. The parser's error says what is allowed.
macro_rules! kinds {
    ($($name:ident: $type:ty = $parse:expr;)*) => {$(
        pub(super) fn $name<'de, D: Deserializer<'de>, T: From<$type>>(deserializer: D) -> Result<T, D::Error> {
            parse_text(deserializer, $parse).map(<$type>::into)
        }
    )*};
}

kinds! {
    flag: bool = |text| text.parse().or(Err("it must be true or false"));
    port: u16 = |text| text.parse().ok().filter(|port| *port != 0).ok_or("it must be a port number, 1 to 65535");
    ip: IpAddr = |text| {
        let address = if text == "localhost" { "127.0.0.1" } else { text };
        address.parse().or(Err("it must be an IP address, e.g. 127.0.0.1, or localhost"))
    };
    provider_name: AccountName = AccountName::parse;
    model: ModelRef = ModelRef::parse;
    model_name: ModelName = ModelName::parse;
    provider_type: ProviderType = |text| {
        let allowed = || format!("it must be one of {}", ProviderType::ALL.map(ProviderType::as_str).join(", "));
        ProviderType::parse(text).ok_or_else(allowed)
    };
    revocation: RevocationScope = |text| match text {
        "family" => Ok(RevocationScope::Family),
        "grant" => Ok(RevocationScope::Grant),
        _ => Err("it must be family or grant"),
    };
    redirect_host: String = |text| {
        let is_local = ["localhost", "127.0.0.1", "[::1]"].contains(&text);
        is_local.then(|| text.to_owned()).ok_or("it must be localhost, 127.0.0.1 or [::1], because the browser is redirected to its own machine")
    };
    header: String = |text| {
        let is_header = text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        is_header.then(|| text.to_owned()).ok_or("it must be visible ASCII")
    };
    positive_duration: Duration = |text| {
        let time = parse_duration(text).ok().filter(|time| !time.is_zero());
        time.ok_or("it must be a duration like 20s or 24h, longer than 0s")
    };
    login_lifetime: Duration = |text| {
        let time = parse_duration(text).ok().filter(|time| !time.is_zero() && *time <= LONGEST_LOGIN_LIFETIME);
        time.ok_or("it must be a duration like 6m or 90s, at most 10m")
    };
    duration_or_zero: Duration = |text| match text {
        "0" => Ok(Duration::ZERO),
        text => parse_duration(text).or(Err("it must be a duration like 30s or 24h, or 0")),
    };
    log_filter: String = |text| match parse_filter(text) {
        Ok(_valid) => Ok(text.to_owned()),
        Err(_not_a_filter) => Err("it must be a level (error, warn, info, debug, trace or off), or pairs like info,access=off"),
    };
    log_format: LogFormat = |text| text.parse().or(Err("it must be text or json"));
    connections: usize = |text| {
        let count = text.parse().ok().filter(|count| (1..=MOST_CONNECTIONS).contains(count));
        count.ok_or_else(|| format!("it must be a number from 1 to {MOST_CONNECTIONS}"))
    };
    grace: Duration = |text| parse_duration(text).or(Err("it must be a duration like 60s, or 0s"));
}

/// Reads a URL. An invalid one is not shown, because it may contain a password or a key.
pub(super) fn url<'de, D: Deserializer<'de>, T: From<EndpointUrl>>(deserializer: D) -> Result<T, D::Error> {
    parse_hidden(deserializer, EndpointUrl::parse).map(T::from)
}

/// Reads the public URL, like [`url`].
pub(super) fn public_url<'de, D: Deserializer<'de>, T: From<PublicUrl>>(deserializer: D) -> Result<T, D::Error> {
    parse_hidden(deserializer, PublicUrl::parse).map(T::from)
}

fn parse_hidden<'de, D, T, E>(deserializer: D, parse: impl FnOnce(&str) -> Result<T, E>) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    E: Display,
{
    let text = String::deserialize(deserializer)?;
    parse(&text).map_err(|allowed| D::Error::custom(rejected_secret(&allowed.to_string())))
}

fn parse_text<'de, D, T, E>(deserializer: D, parse: impl FnOnce(&str) -> Result<T, E>) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    E: Display,
{
    let text = String::deserialize(deserializer)?;
    parse(&text).map_err(|allowed| D::Error::custom(rejected(&text, allowed)))
}

/// Reads a token that callers can send in an HTTP header.
pub(super) fn header_token<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretString>, D::Error> {
    let allowed = "it must be visible ASCII without spaces, so that it can be sent in an HTTP header";
    secret(deserializer, allowed, |text| text.bytes().all(|byte| byte.is_ascii_graphic()).then(|| text.into()))
}

pub(super) fn signing_key<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SigningKey>, D::Error> {
    let allowed = "it must have at least 24 characters, and valid base64 after whsec_";
    secret(deserializer, allowed, SigningKey::parse)
}

/// Reads the address of a proxy, which may hold a password, or `none`.
pub(super) fn proxy_choice<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ProxyChoice>, D::Error> {
    secret(deserializer, &InvalidProxy.to_string(), |text| ProxyChoice::parse(text).ok())
}

pub(super) fn database<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<DatabaseUrl>, D::Error> {
    let allowed = "it must be sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE";
    secret(deserializer, allowed, DatabaseUrl::parse)
}

/// Reads a secret and parses it. The error does not show the secret.
fn secret<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    allowed: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, D::Error> {
    let secret = SecretString::deserialize(deserializer)?;
    parse(secret.expose_secret()).map(Some).ok_or_else(|| D::Error::custom(rejected_secret(allowed)))
}

/// Reads a list of secrets into one secret with a line for each.
pub(super) fn secret_lines<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretString>, D::Error> {
    Ok(Some(match List::deserialize(deserializer)? {
        List::Items(items) => items.join("\n").into(),
        List::Text(text) => text.replace(',', "\n").into(),
    }))
}

pub(super) fn list<'de, D: Deserializer<'de>, T: From<Vec<String>>>(deserializer: D) -> Result<T, D::Error> {
    parse_list(deserializer, "", |text| Some(text.to_owned())).map(T::from)
}

/// Reads host names without scheme, port or path, in the form that the URL parser returns.
pub(super) fn hosts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let allowed =
        "it must be a host name in lower case or an IP address, without scheme and port, e.g. gateway.example";
    parse_list(deserializer, allowed, |host| {
        let url = Url::parse(&format!("http://{host}/")).ok()?;
        (url.host_str() == Some(host) && url.as_str() == format!("http://{host}/")).then(|| host.to_owned())
    })
}

/// Reads origins. Returns them as browsers send them (RFC 6454 section 6.2), so that they can be compared as texts. The
/// pages of desktop apps and browser extensions have schemes of their own.
pub(super) fn origins<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let allowed = "it must be an origin as browsers send it: scheme, host and port, without a path, e.g. http://localhost:8080 or app://obsidian.md";
    parse_list(deserializer, allowed, |origin| {
        let url = Url::parse(origin).ok().filter(|_| !origin.contains('*'))?;
        let host = url.host_str().filter(|host| !host.is_empty())?;
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let serialized = format!("{}://{host}{port}", url.scheme());
        // Nothing else may follow, except for the slash that the parser adds.
        (url.as_str().strip_suffix('/').unwrap_or(url.as_str()) == serialized).then_some(serialized)
    })
}

pub(super) fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    let allowed = "it must be an IP address or a network like 10.0.0.0/8";
    parse_list(deserializer, allowed, parse_network)
}

pub(super) fn proxy_paths<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<ProxyRule>>, D::Error> {
    let allowed = "it must be a path without a leading slash, e.g. wham/usage, or everything below a path, e.g. codex/*, each \
                   after a method or for all of them, e.g. GET codex/models";
    parse_list(deserializer, allowed, |rule| ProxyRule::parse(rule).ok()).map(Some)
}

/// A list, or one text with commas, as in variables. The text of `expecting` has the form of `rejected_secret`.
#[derive(Deserialize)]
#[serde(untagged, expecting = "= (not shown): it must be a list of strings")]
enum List {
    Text(String),
    Items(Vec<String>),
}

fn parse_list<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    allowed: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>, D::Error> {
    let items = match List::deserialize(deserializer)? {
        List::Items(items) => items,
        List::Text(text) => text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect(),
    };
    items.iter().map(|item| parse(item).ok_or_else(|| D::Error::custom(rejected(item, allowed)))).collect()
}

/// The format of log lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, strum::IntoStaticStr, strum::EnumString)]
#[strum(serialize_all = "lowercase")]
pub enum LogFormat {
    /// Text for people.
    #[default]
    Text,
    /// One JSON object, for log collectors.
    Json,
}

/// The value of `database.url`.
pub(super) enum DatabaseUrl {
    Sqlite(PathBuf),
    Postgres(SecretString),
}

impl DatabaseUrl {
    pub(super) fn parse(url: &str) -> Option<Self> {
        match url.split_once(':') {
            // A database in memory would lose the accounts at exit.
            Some(("sqlite", path)) if !path.is_empty() && !path.ends_with(":memory:") => {
                Some(Self::Sqlite(PathBuf::from(path.strip_prefix("//").unwrap_or(path))))
            }
            Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => Some(Self::Postgres(url.into())),
            _ => None,
        }
    }
}
