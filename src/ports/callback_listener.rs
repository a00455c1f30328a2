//! The little server that a person's browser is redirected to (RFC 8252 section 7.3). It exists only while somebody is
//! signing in.

use std::net::IpAddr;

use async_trait::async_trait;

use crate::domain::{authorization_response::AuthorizationResponse, login_outcome::LoginOutcome};

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallbackAddress {
    /// Both loopback addresses, 127.0.0.1 and ::1: browsers resolve `localhost` to either.
    Loopback { port: u16 },
    /// One address the owner chose, e.g. 0.0.0.0 in a container with a published port.
    Explicit { ip: IpAddr, port: u16 },
}

impl CallbackAddress {
    pub fn port(&self) -> u16 {
        match self {
            Self::Loopback { port } | Self::Explicit { port, .. } => *port,
        }
    }
}

/// Why the browser cannot come back by itself.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody else listens on the port, on one of the addresses at least, and would receive the code.
    #[error("another program holds {held}")]
    InUse { held: String },
    #[error("cannot listen on {address}")]
    Failed { address: String, source: Box<dyn std::error::Error + Send + Sync> },
}

/// What to show in the browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallbackReply {
    /// The login has ended, like this.
    Ended(LoginOutcome),
    /// The callback was not let in: no login was changed.
    NotOurs,
    /// Another callback of this login came first and its code is being redeemed.
    Finishing,
    /// The gateway could not use its database: it could not look the login up, or could not save what it yielded.
    Unavailable,
}

/// A browser that came back.
pub struct CallbackHit {
    pub response: AuthorizationResponse,
    /// Takes what to show. Dropping it shows that something went wrong.
    pub reply: Box<dyn FnOnce(CallbackReply) + Send>,
}

pub enum CallbackEvent {
    Hit(CallbackHit),
    /// A browser has fetched the page that shows how the last login ended.
    OutcomeShown,
}

#[async_trait]
pub trait CallbackListener: Send + Sync {
    /// Starts to listen.
    ///
    /// Contract: MUST listen on every address of `address` or on none, except that a machine without IPv6 is served on
    /// IPv4 alone. MUST NOT take a port another program holds.
    async fn bind(&self, address: &CallbackAddress) -> Result<Box<dyn BoundCallback>, BindError>;
}

/// A listener at work. Dropping it frees the port too, a moment later.
#[async_trait]
pub trait BoundCallback: Send {
    /// Waits for the next event. Callbacks without a well-formed `state` are answered by the adapter and are none.
    ///
    /// Contract: MUST lose no event when the returned future is dropped.
    async fn next_event(&mut self) -> CallbackEvent;

    /// Stops listening.
    ///
    /// Contract: MUST have freed the port when it returns, so that the next `bind` does not find it taken.
    async fn close(self: Box<Self>);
}
