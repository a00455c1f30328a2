//! The sockets, without any protocol logic: an origin turns requests into replies and may cut the connection. Uses
//! hyper directly, because some faults (reset, half a response) happen below any web framework.

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

/// Returns the token of an `Authorization: Bearer` header (RFC 6750 section 2.1; RFC 9110 section 11.1: any case).
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}
