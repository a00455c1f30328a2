//! The server to which the provider redirects the browser (RFC 8252 section 7.3).

use std::net::IpAddr;

use async_trait::async_trait;

use crate::domain::{
    authorization_response::AuthorizationResponse, confirmation::Confirmation, login_outcome::LoginEnd,
};

/// The address to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallbackAddress {
    /// Both loopback addresses, 127.0.0.1 and ::1, because browsers resolve `localhost` to either.
    Loopback { port: u16 },
    /// One configured address, e.g. 0.0.0.0 in a container with a published port.
    Explicit { ip: IpAddr, port: u16 },
}

impl CallbackAddress {
    pub fn port(&self) -> u16 {
        match self {
            Self::Loopback { port } | Self::Explicit { port, .. } => *port,
        }
    }
}

/// Why the listener cannot start.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another program listens on the port of at least one of the addresses. It would receive the code.
    #[error("another program listens on {held}")]
    InUse { held: String },
    #[error("cannot listen on {address}")]
    Failed { address: String, source: Box<dyn std::error::Error + Send + Sync> },
}

/// The page to show in the browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallbackReply {
    /// The login has ended.
    Ended(LoginEnd),
    /// The login is of another user or workspace than the connected account. The owner must choose one.
    Question(Box<Confirmation>),
    /// The code was exchanged. The tokens wait for the database.
    Unsaved,
    /// The callback was rejected and changed no login.
    Rejected,
    /// An earlier callback of this login is being processed.
    Finishing,
    /// The gateway failed, usually because the database was unavailable.
    Unavailable,
}

/// A callback from the browser.
pub struct CallbackHit {
    pub response: AuthorizationResponse,
    /// Sends the page to the browser. If it is dropped, the browser gets an error page.
    pub reply: Box<dyn FnOnce(CallbackReply) + Send>,
}

pub enum CallbackEvent {
    Hit(CallbackHit),
    /// A browser has loaded the outcome page of its login.
    OutcomeShown,
}

#[async_trait]
pub trait CallbackListener: Send + Sync {
    /// Starts to listen.
    ///
    /// Contract: MUST listen on every address of `address` or on none. On a machine without IPv6, MUST listen on IPv4
    /// alone. MUST NOT share a port with another program.
    async fn bind(&self, address: &CallbackAddress) -> Result<Box<dyn BoundCallback>, BindError>;
}

/// A running listener. Dropping it frees the port too, but not at once.
#[async_trait]
pub trait BoundCallback: Send {
    /// Waits for the next event. The adapter itself answers callbacks without a well-formed `state`, and reports no
    /// event for them.
    ///
    /// Contract: MUST lose no event when the returned future is dropped.
    async fn next_event(&mut self) -> CallbackEvent;

    /// Stops listening.
    ///
    /// Contract: MUST free the port before it returns, so that the next `bind` succeeds.
    async fn close(self: Box<Self>);
}
