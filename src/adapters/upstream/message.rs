//! Builds the HTTP message of a request.

use bytes::Bytes;
use futures_util::{TryStreamExt, stream::MapOk};
use http_body_util::{Either, Full, StreamBody};
use http_message::{
    HeaderValue, Request, Uri, header,
    uri::{Parts, PathAndQuery},
};
use hyper::body::Frame;
use secrecy::{ExposeSecret, zeroize::Zeroizing};

use super::{connector::Connector, idle_pool::Origin};
use crate::{
    domain::secret::AccessToken,
    ports::{BodyStream, RequestBody, UpstreamRequest},
};

const USER_AGENT: HeaderValue = HeaderValue::from_static(concat!("goclaw/", env!("CARGO_PKG_VERSION")));
const ANY_TYPE: HeaderValue = HeaderValue::from_static("*/*");

/// A request's body.
pub(super) type Payload = Either<Full<Bytes>, StreamBody<Frames>>;
type Frames = MapOk<BodyStream, fn(Bytes) -> Frame<Bytes>>;

/// Returns the origin of a request, and the request with its token in origin form (RFC 9112 section 3.2.1).
///
/// # Errors
/// The URL or the token cannot be sent in a request.
pub(super) fn of(
    request: UpstreamRequest,
    connector: &Connector,
    bearer: &AccessToken,
) -> Result<(Origin, Request<Payload>), Box<dyn std::error::Error + Send + Sync>> {
    let url = Uri::try_from(request.url)?;
    let way = connector.way(&url, &request.account);
    let Parts { scheme: Some(scheme), authority: Some(authority), path_and_query, .. } = url.into_parts() else {
        return Err("the URL is not absolute".into());
    };
    let mut credential = HeaderValue::from_str(&Zeroizing::new(format!("Bearer {}", bearer.expose_secret())))?;
    credential.set_sensitive(true);
    let mut headers = request.headers;
    headers.insert(header::HOST, HeaderValue::from_str(authority.as_str())?);
    headers.insert(header::AUTHORIZATION, credential);
    headers.entry(header::ACCEPT).or_insert(ANY_TYPE);
    headers.entry(header::USER_AGENT).or_insert(USER_AGENT);
    let payload = match request.body {
        RequestBody::Buffered(bytes) => Either::Left(Full::new(bytes)),
        RequestBody::Streamed { length, stream } => {
            // Some servers reject a body of unknown length.
            headers.extend(length.map(|length| (header::CONTENT_LENGTH, HeaderValue::from(length))));
            Either::Right(StreamBody::new(stream.map_ok(Frame::data as fn(Bytes) -> Frame<Bytes>)))
        }
    };
    let mut message = Request::new(payload);
    *message.method_mut() = request.method;
    *message.uri_mut() = path_and_query.unwrap_or_else(|| PathAndQuery::from_static("/")).into();
    *message.headers_mut() = headers;
    Ok((Origin { scheme, authority, way }, message))
}
