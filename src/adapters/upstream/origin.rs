//! The key of the connection pools.

use http_message::uri::{Authority, Scheme};

use crate::adapters::outbound::ProxyIndex;

/// A server, and the proxy to it or the direct connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) scheme: Scheme,
    pub(super) authority: Authority,
    pub(super) proxy: ProxyIndex,
}
