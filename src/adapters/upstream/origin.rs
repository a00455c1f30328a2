//! The key of the connection pools.

use http_message::uri::{Authority, Scheme};

use crate::adapters::outbound::Way;

/// A server, and the way to it: direct or through a proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) scheme: Scheme,
    pub(super) authority: Authority,
    pub(super) way: Way,
}
