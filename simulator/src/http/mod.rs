//! The sockets and nothing of the protocol: an origin turns requests into replies, and may also cut the connection.
//! Kept directly on hyper because the faults worth having (reset, half an answer) happen below any web framework.

mod delivery;
mod gate;
mod listener;
mod parameters;
mod reply;
mod wire;

use hyper::{HeaderMap, header::AUTHORIZATION};

pub(crate) use delivery::{BodyWriter, Delivery};
pub(crate) use gate::Gate;
pub(crate) use listener::{ConnectionCut, Origin, serve};
pub(crate) use parameters::{Parameters, read_body};
pub(crate) use reply::Reply;
pub(crate) use wire::UnreadBody;

/// The token of an `Authorization: Bearer` header (RFC 6750 section 2.1; the scheme in any case, RFC 9110 section 11.1).
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}
