//! Sends one request to an endpoint of the provider, limits its response and classifies its failure.

use std::{
    io::{self, Read},
    pin::pin,
    time::Duration,
};

use flate2::read::MultiGzDecoder;
use reqwest::{
    RequestBuilder, Response, StatusCode,
    header::{self, HeaderMap},
};
use secrecy::zeroize::Zeroizing;
use serde_json::Value;
use tokio::time::timeout;

use super::error_code;
use crate::{
    adapters::connect_failure::connect_error,
    domain::{
        json::without_byte_order_mark,
        outbound_proxy::ProxyUrl,
        refresh::{Failure, classify},
        retry_time::RetryTime,
        time::Timestamp,
    },
    ports::{Clock, Doubt, TokenEndpointError, UNKNOWN_CODE},
};

/// Maximum size of a response's body. Real ones contain a few tokens.
const MAX_RESPONSE_BYTES: usize = 256 * 1024;
/// The first bytes of data in gzip (RFC 1952 section 2.3.1).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// Additional time after a timeout, to read a response that has already arrived.
const LATE_READ_TIMEOUT: Duration = Duration::from_millis(500);
/// Time limit for the body of a refusal. The head has already shown that the request was refused.
const REFUSAL_BODY_TIMEOUT: Duration = Duration::from_secs(2);
/// Maximum wait after a 429. The access token could expire during a longer one.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

/// A 2xx response.
pub(super) struct SuccessResponse {
    pub(super) status: StatusCode,
    /// Contains tokens, so it is zeroed on drop.
    pub(super) body: Zeroizing<Vec<u8>>,
}

/// Returns the wait that the headers or the body of a 429 ask for.
fn retry_after(headers: &HeaderMap, body: &[u8], now: Timestamp) -> Option<Duration> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let time = RetryTime::since(now).with_headers(header(header::RETRY_AFTER.as_str()), header("retry-after-ms"));
    let body: Value = serde_json::from_slice(without_byte_order_mark(body)).unwrap_or_default();
    time.with_body(&body).wait_from_now().map(|wait| wait.min(LONGEST_RETRY_AFTER))
}

/// Limits the time of a call. The response may have arrived while the process was suspended, and it may contain the
/// only valid tokens. So the call continues for [`LATE_READ_TIMEOUT`] before it fails.
pub(super) async fn within<T>(
    time_limit: Duration,
    call: impl Future<Output = Result<T, TokenEndpointError>>,
) -> Result<T, TokenEndpointError> {
    let mut call = pin!(call);
    match timeout(time_limit, &mut call).await {
        Ok(result) => result,
        Err(_elapsed) => {
            let timed_out = Err(TokenEndpointError::Indeterminate(Doubt::TimedOut));
            timeout(LATE_READ_TIMEOUT, call).await.unwrap_or(timed_out)
        }
    }
}

/// Sends a request and reads a 2xx response.
#[tracing::instrument(level = "debug", name = "token_endpoint.send", skip_all, fields(status))]
pub(super) async fn send(
    request: RequestBuilder,
    proxy: Option<&ProxyUrl>,
    clock: &dyn Clock,
) -> Result<SuccessResponse, TokenEndpointError> {
    let response = request.send().await.map_err(|error| send_error(&error, proxy))?;
    tracing::Span::current().record("status", response.status().as_u16());
    finish(response, clock).await
}

/// Reads the body of a response whose head has arrived. Fails if the status is not 2xx.
pub(super) async fn finish(response: Response, clock: &dyn Clock) -> Result<SuccessResponse, TokenEndpointError> {
    let status = response.status();
    if status.is_success() {
        return Ok(SuccessResponse { status, body: read(response).await? });
    }
    if !status.is_client_error() && !status.is_server_error() {
        return Err(TokenEndpointError::Indeterminate(Doubt::Unreadable(status.as_u16())));
    }
    let headers = response.headers().clone();
    let body = read_refusal(response).await;
    // A 401 with an HTML page comes from an intermediary, and one with an incomplete body may too, so neither refuses
    // the token. For other statuses this makes no difference: without a known code they count as temporary.
    let is_by_provider = body.as_deref().is_some_and(|body| !is_page(body));
    let body = body.unwrap_or_default();
    let (status, code) = (status.as_u16(), error_code::known(&body));
    let is_final = is_final(status, code);
    Err(match status {
        500.. if !is_final => TokenEndpointError::Indeterminate(Doubt::ServerError(status)),
        429 if !is_final => TokenEndpointError::RateLimited { retry_after: retry_after(&headers, &body, clock.now()) },
        401 if !is_by_provider => TokenEndpointError::Indeterminate(Doubt::Unreadable(status)),
        _ => TokenEndpointError::Rejected { status, code },
    })
}

/// Returns the error for a 2xx response without tokens. Some servers report a refusal with the status 200.
pub(super) fn without_tokens(response: &SuccessResponse) -> TokenEndpointError {
    let (status, code) = (response.status.as_u16(), error_code::known(&response.body));
    if is_final(status, code) {
        TokenEndpointError::Rejected { status, code }
    } else {
        TokenEndpointError::Indeterminate(Doubt::Unreadable(status))
    }
}

/// Whether this is a known code about the token or the account. Such a code is final, whatever the status.
fn is_final(status: u16, code: &str) -> bool {
    code != UNKNOWN_CODE && matches!(classify(status, code, None), Failure::Rejected(_))
}

fn is_page(body: &[u8]) -> bool {
    without_byte_order_mark(body).trim_ascii_start().starts_with(b"<")
}

/// Reads the body of a refusal; None if it is late, too large or breaks off.
async fn read_refusal(response: Response) -> Option<Zeroizing<Vec<u8>>> {
    timeout(REFUSAL_BODY_TIMEOUT, read(response)).await.ok()?.ok()
}

/// Reads a body of at most [`MAX_RESPONSE_BYTES`].
async fn read(mut response: Response) -> Result<Zeroizing<Vec<u8>>, TokenEndpointError> {
    let status = response.status().as_u16();
    // A growing buffer would leave unzeroed copies of tokens in memory, so the whole capacity is allocated first.
    let mut body = Zeroizing::new(Vec::with_capacity(MAX_RESPONSE_BYTES));
    while let Some(chunk) = response.chunk().await.map_err(|error| send_error(&error, None))? {
        if body.len() + chunk.len() > MAX_RESPONSE_BYTES {
            return Err(TokenEndpointError::Indeterminate(Doubt::Unreadable(status)));
        }
        body.extend_from_slice(&chunk);
    }
    uncompressed(body).map_err(|_damaged| TokenEndpointError::Indeterminate(Doubt::Unreadable(status)))
}

/// Decompresses a body in gzip, of which it reads at most [`MAX_RESPONSE_BYTES`]. The request does not ask for it, but a
/// server or an intermediary may use it all the same (RFC 9110 section 12.5.3). JSON never begins with the bytes of gzip.
/// A damaged body fails, because one that cannot be read must not refuse a token.
fn uncompressed(body: Zeroizing<Vec<u8>>) -> io::Result<Zeroizing<Vec<u8>>> {
    if !body.starts_with(&GZIP_MAGIC) {
        return Ok(body);
    }
    let mut plain: Zeroizing<Vec<u8>> = Zeroizing::new(Vec::with_capacity(MAX_RESPONSE_BYTES));
    MultiGzDecoder::new(body.as_slice()).take(MAX_RESPONSE_BYTES as u64).read_to_end(&mut plain)?;
    Ok(plain)
}

/// Classifies a failure by whether the provider may have received the request. A failed connection includes one that a
/// proxy refuses: the request is sent only after the proxy has connected to the provider.
pub(super) fn send_error(error: &reqwest::Error, proxy: Option<&ProxyUrl>) -> TokenEndpointError {
    if error.is_connect() {
        let host = error.url().and_then(|url| url.host_str()).unwrap_or("the provider");
        TokenEndpointError::Unreachable(connect_error(host, proxy, error))
    } else if error.is_timeout() {
        TokenEndpointError::Indeterminate(Doubt::TimedOut)
    } else {
        TokenEndpointError::Indeterminate(Doubt::ConnectionLost)
    }
}
