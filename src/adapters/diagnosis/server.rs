//! Checks whether a provider's server responds, and reads the server's time. The request carries no token.

use std::time::{Duration, UNIX_EPOCH};

use reqwest::header::DATE;
use url::Url;

use crate::{
    adapters::{connect_failure::connect_error, outbound::Outbound},
    domain::{ids::AccountName, time::Timestamp},
    ports::ConnectError,
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TOTAL_TIMEOUT: Duration = Duration::from_secs(10);

/// A server that responded, with any status.
#[derive(Debug)]
pub struct Server {
    /// The time in the `Date` header; `None` if there is no valid `Date` header.
    pub time: Option<Timestamp>,
}

/// Sends a `HEAD` request to `url`, through the proxy that is configured for `account` and this host, if any.
///
/// # Errors
/// No connection can be made, or there is no response in time.
pub async fn probe(outbound: &Outbound, account: &AccountName, url: &Url) -> Result<Server, ConnectError> {
    let host = url.host_str().unwrap_or_default().to_owned();
    let index = outbound.proxies().index_for_text(url.as_str(), Some(account));
    let failed = |error: reqwest::Error| connect_error(&host, outbound.proxies().proxy(index), &error);
    let clients = outbound.clients(|client| client.connect_timeout(CONNECT_TIMEOUT).timeout(TOTAL_TIMEOUT));
    let response = clients.map_err(failed)?.of(index).head(url.clone()).send().await.map_err(failed)?;
    let date = response.headers().get(DATE).and_then(|date| date.to_str().ok());
    let since_epoch = date.and_then(|date| httpdate::parse_http_date(date).ok()?.duration_since(UNIX_EPOCH).ok());
    let time = since_epoch.and_then(|time| i64::try_from(time.as_secs()).ok()).map(Timestamp::from_unix_seconds);
    Ok(Server { time })
}
