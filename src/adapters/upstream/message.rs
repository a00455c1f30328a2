//! Builds the HTTP messages that are sent to providers.

use std::{
    pin::Pin,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};
use http_body_util::{Either, Full, StreamBody};
use http_message::{
    HeaderValue, Request, Uri, header,
    uri::{Parts, PathAndQuery},
};
use hyper::body::Frame;
use secrecy::{ExposeSecret, zeroize::Zeroizing};

use super::{Error, origin::Origin};
use crate::{
    adapters::outbound::ProxySelector,
    domain::secret::AccessToken,
    ports::{BodyError, RequestBody, UpstreamRequest},
};

const USER_AGENT: HeaderValue = HeaderValue::from_static(concat!("goclaw/", env!("CARGO_PKG_VERSION")));
const ANY_TYPE: HeaderValue = HeaderValue::from_static("*/*");

/// A request's body.
pub(super) type Payload = Either<Full<Bytes>, StreamBody<Frames>>;
type Frames = Pin<Box<dyn Stream<Item = Result<Frame<Bytes>, BodyError>> + Send>>;

/// A request to a provider.
pub(super) struct Outgoing {
    pub(super) origin: Origin,
    /// Its URL is only the path; [`for_http1`] and [`for_http2`] complete the message.
    pub(super) message: Request<Payload>,
    /// Why the caller's body ended early.
    pub(super) body_error: Arc<OnceLock<BodyError>>,
}

/// Returns a request with the account's token.
///
/// # Errors
/// The URL or the token is not valid in an HTTP request.
pub(super) fn of(request: UpstreamRequest, proxies: &ProxySelector, bearer: &AccessToken) -> Result<Outgoing, Error> {
    let url = Uri::try_from(request.url)?;
    let index = proxies.index_for(&url, Some(&request.account));
    let Parts { scheme: Some(scheme), authority: Some(authority), path_and_query, .. } = url.into_parts() else {
        return Err("the URL is not absolute".into());
    };
    let mut credential = HeaderValue::from_str(&Zeroizing::new(format!("Bearer {}", bearer.expose_secret())))?;
    credential.set_sensitive(true);
    let mut headers = request.headers;
    let body_error = Arc::<OnceLock<BodyError>>::default();
    headers.insert(header::AUTHORIZATION, credential);
    headers.entry(header::ACCEPT).or_insert(ANY_TYPE);
    headers.entry(header::USER_AGENT).or_insert(USER_AGENT);
    let payload = match request.body {
        RequestBody::Buffered(bytes) => Either::Left(Full::new(bytes)),
        RequestBody::Streamed { length, stream } => {
            // Send the length if it is known, because some servers reject a body of unknown length.
            headers.extend(length.map(|length| (header::CONTENT_LENGTH, HeaderValue::from(length))));
            let note = Arc::clone(&body_error);
            let noted = stream.inspect_err(move |error| {
                // The cell is empty, because a body ends with its first error.
                let _ = note.set(*error);
            });
            let frames: Frames = Box::pin(noted.map_ok(Frame::data));
            Either::Right(StreamBody::new(frames))
        }
    };
    let mut message = Request::new(payload);
    *message.method_mut() = request.method;
    *message.uri_mut() = path_and_query.unwrap_or_else(|| PathAndQuery::from_static("/")).into();
    *message.headers_mut() = headers;
    Ok(Outgoing { origin: Origin { scheme, authority, proxy: index }, message, body_error })
}

/// Returns a request in origin form (RFC 9112 section 3.2.1).
pub(super) fn for_http1(mut message: Request<Payload>, origin: &Origin) -> Request<Payload> {
    *message.uri_mut() = path_of(&message).into();
    // An authority is always a valid header value.
    if let Ok(host) = HeaderValue::from_str(origin.authority.as_str()) {
        message.headers_mut().insert(header::HOST, host);
    }
    message
}

/// Returns a request with an absolute URL, for the pseudo-header fields of HTTP/2 (RFC 9113 section 8.3.1).
pub(super) fn for_http2(mut message: Request<Payload>, origin: &Origin) -> Request<Payload> {
    let url = Uri::builder().scheme(origin.scheme.clone()).authority(origin.authority.clone());
    // This cannot fail, because all three parts are parsed already.
    if let Ok(url) = url.path_and_query(path_of(&message)).build() {
        *message.uri_mut() = url;
    }
    message.headers_mut().remove(header::HOST);
    message
}

/// Copies a request with a buffered body. Returns None for a streamed body.
pub(super) fn copy(message: &Request<Payload>) -> Option<Request<Payload>> {
    let Either::Left(body) = message.body() else { return None };
    let mut copy = Request::new(Either::Left(body.clone()));
    *copy.method_mut() = message.method().clone();
    *copy.uri_mut() = message.uri().clone();
    *copy.headers_mut() = message.headers().clone();
    Some(copy)
}

fn path_of(message: &Request<Payload>) -> PathAndQuery {
    message.uri().path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"))
}
