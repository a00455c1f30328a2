//! What connections are pooled by.

use http_message::uri::{Authority, Scheme};

use crate::adapters::outbound::Way;

/// The server that a connection leads to, and its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) scheme: Scheme,
    pub(super) authority: Authority,
    pub(super) way: Way,
}
