//! Reads why a provider refused a request, from the head of its response and the beginning of the body.

use std::{borrow::Cow, io::Read};

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use futures_util::{StreamExt, stream};
use http_message::{
    HeaderMap,
    header::{CONTENT_ENCODING, RETRY_AFTER},
};

use crate::{
    app::AppError,
    domain::{
        provider_refusal::{ErrorResponse, ProviderRefusal},
        time::Timestamp,
        usage::Usage,
    },
    ports::{ByteStream, UpstreamResponse},
};

/// Number of bytes of a refusal that are read for its code and message, and the same after decompression.
const MAX_REFUSAL_BYTES: usize = 64 * 1024;

/// Converts a non-2xx response into an error.
pub(in crate::app) async fn refusal_of(response: UpstreamResponse, now: Timestamp) -> AppError {
    if response.status.is_redirection() {
        return AppError::UpstreamRedirect;
    }
    match peek(response).await {
        Ok((response, body)) => AppError::ProviderRefused(Box::new(read_refusal(&response, &body, now))),
        Err(error) => error,
    }
}

/// Parses a refusal from the head of a response and the beginning of its body.
pub(super) fn read_refusal(response: &UpstreamResponse, body: &[u8], now: Timestamp) -> ProviderRefusal {
    let text = |name: &str| response.headers.get(name).and_then(|value| value.to_str().ok());
    let refused = ErrorResponse {
        status: response.status.as_u16(),
        retry_after: text(RETRY_AFTER.as_str()),
        retry_after_ms: text("retry-after-ms"),
        limit_resets_at: Usage::of_headers(text, now).and_then(|usage| usage.limit_resets_at()),
        cf_ray: text("cf-ray"),
        error_json: text("x-error-json"),
        body: &uncompressed(&response.headers, body),
    };
    ProviderRefusal::read(refused, now)
}

/// Decompresses the beginning of a body if it is in gzip, which a caller of the proxy may have accepted.
fn uncompressed<'a>(headers: &HeaderMap, body: &'a [u8]) -> Cow<'a, [u8]> {
    let coding = headers.get(CONTENT_ENCODING).map(|coding| coding.as_bytes().to_ascii_lowercase());
    if !matches!(coding.as_deref(), Some(b"gzip" | b"x-gzip")) {
        return Cow::Borrowed(body);
    }
    let mut plain = Vec::new();
    // What was read before an error is still useful: the body may be cut off.
    let _ = MultiGzDecoder::new(body).take(MAX_REFUSAL_BYTES as u64).read_to_end(&mut plain);
    Cow::Owned(plain)
}

/// Reads the beginning of a response's body. Returns the response, still with its whole body, and that beginning.
pub(super) async fn peek(response: UpstreamResponse) -> Result<(UpstreamResponse, Bytes), AppError> {
    let UpstreamResponse { status, headers, body } = response;
    let (read, rest) = read_start(body, MAX_REFUSAL_BYTES).await?;
    let read = Bytes::from(read);
    let start = read.clone();
    let body = Box::pin(stream::once(async { Ok(start) }).chain(rest));
    Ok((UpstreamResponse { status, headers, body }, read))
}

/// Reads a body until it exceeds `limit` bytes. Returns the bytes and the rest, which may be polled after its end.
pub(super) async fn read_start(body: ByteStream, limit: usize) -> Result<(Vec<u8>, ByteStream), AppError> {
    let (mut body, mut read) = (body.fuse(), Vec::new());
    while read.len() <= limit
        && let Some(piece) = body.next().await
    {
        read.extend_from_slice(&piece?);
    }
    Ok((read, Box::pin(body)))
}
