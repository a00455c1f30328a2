//! The callback window: the time during which the callback port is open.
//!
//! One listener serves all pending logins, because the `state` of a callback identifies its login. The window opens
//! with the first pending login and closes at once when none is left. After a callback of a login, it stays open until
//! 1 s after the browser has fetched the outcome page, or for 10 s without that.

use std::{future, sync::Arc, time::Duration};

use futures_util::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use tokio::sync::{Mutex, Notify};
use tracing::Instrument;

use super::{Callback, Logins};
use crate::{
    app::{AppError, acting_as},
    domain::{audit::Actor, authorization_response::AuthorizationResponse, login_outcome::LoginEnd},
    ports::{BindError, BoundCallback, CallbackAddress, CallbackEvent, CallbackListener, CallbackReply, StoreError},
};

/// How long the listener stays open after the outcome page was fetched.
const CLOSE_AFTER_PAGE: Duration = Duration::from_secs(1);
/// How long the listener waits for the browser to fetch the outcome page.
const WAIT_FOR_PAGE: Duration = Duration::from_secs(10);
/// Pause after a failed read of the store.
const STORE_RETRY: Duration = Duration::from_secs(5);

/// The callback port could not be opened. The owner can paste the redirect URL instead.
#[derive(Debug, thiserror::Error)]
#[error("failed to start OAuth flow (is port {port} available?): {source}")]
pub struct CallbackUnavailable {
    pub port: u16,
    pub source: BindError,
}

pub(super) struct CallbackWindow {
    listener: Arc<dyn CallbackListener>,
    address: CallbackAddress,
    /// Whether the listener runs. The lock is held while it opens or closes, so a login that starts meanwhile waits.
    is_open: Mutex<bool>,
    /// Notified when the pending logins may have changed.
    changed: Notify,
}

impl CallbackWindow {
    pub(super) fn new(listener: Arc<dyn CallbackListener>, address: CallbackAddress) -> Self {
        Self { listener, address, is_open: Mutex::new(false), changed: Notify::new() }
    }

    pub(super) fn notify_changed(&self) {
        self.changed.notify_one();
    }
}

impl Logins {
    /// Opens the window unless it is open.
    pub(super) async fn open_callback_window(self: &Arc<Self>) -> Result<(), CallbackUnavailable> {
        let mut is_open = self.window.is_open.lock().await;
        if *is_open {
            self.window.notify_changed();
            return Ok(());
        }
        let bound = self.window.listener.bind(&self.window.address).await.map_err(|source| {
            let error = CallbackUnavailable { port: self.window.address.port(), source };
            tracing::warn!(error = %error, "{error}; the redirect URL can be pasted instead");
            error
        })?;
        *is_open = true;
        let logins = Arc::clone(self);
        // The window serves all pending logins, so it does not belong to the span of the first one.
        let span = tracing::info_span!(parent: None, "logins.callback_window");
        self.tasks.start(logins.run_callback_window(bound).instrument(span));
        Ok(())
    }

    /// Opens the window again if logins were pending when the gateway stopped.
    pub(in crate::app) async fn reopen_callback_window(self: &Arc<Self>) -> Result<(), AppError> {
        if !self.store.open_logins(self.now()).await?.is_empty() {
            // The error was logged. The redirect URL can still be pasted.
            let _ = self.open_callback_window().await;
        }
        Ok(())
    }

    async fn run_callback_window(self: Arc<Self>, mut bound: Box<dyn BoundCallback>) {
        let mut replies: FuturesUnordered<BoxFuture<'static, bool>> = FuturesUnordered::new();
        let mut close_timer: Option<BoxFuture<'static, ()>> = None;
        loop {
            let next_end = self.next_login_end().await;
            let is_idle = replies.is_empty() && matches!(next_end, Ok(None));
            if is_idle && close_timer.is_none() {
                match self.close_if_idle(bound).await {
                    None => return,
                    Some(still_needed) => bound = still_needed,
                }
            }
            let next_check = next_end.unwrap_or(Some(STORE_RETRY)).map(|wait| self.timer(wait));
            tokio::select! {
                event = bound.next_event() => match event {
                    CallbackEvent::Hit(hit) => {
                        let logins = Arc::clone(&self);
                        replies.push(Box::pin(async move {
                            let reply = logins.reply_to(hit.response).await;
                            let may_be_followed = may_be_followed(&reply);
                            (hit.reply)(reply);
                            may_be_followed
                        }));
                    }
                    CallbackEvent::OutcomeShown => close_timer = Some(self.timer(CLOSE_AFTER_PAGE)),
                },
                Some(may_be_followed) = replies.next() => if may_be_followed {
                    close_timer = Some(self.timer(WAIT_FOR_PAGE));
                },
                () = or_never(close_timer.as_mut()) => close_timer = None,
                () = or_never(next_check) => {}
                () = self.window.changed.notified() => {}
                () = self.tasks.stopping().cancelled() => break,
            }
        }
        // The logins finish in tracked tasks in any case. Wait here so that the browsers get their outcome pages.
        while replies.next().await.is_some() {}
    }

    /// Returns the time until the next pending login expires; None if none is pending.
    async fn next_login_end(&self) -> Result<Option<Duration>, StoreError> {
        let now = self.now();
        let open = self.store.open_logins(now).await.inspect_err(|error| {
            tracing::debug!(error = %error, "pending logins cannot be read; the callback listener stays open");
        })?;
        Ok(open.iter().map(|login| now.until(login.session.expires_at)).min())
    }

    /// Closes the window. If a login is pending after all, keeps the listener open and returns it.
    async fn close_if_idle(&self, bound: Box<dyn BoundCallback>) -> Option<Box<dyn BoundCallback>> {
        let mut is_open = self.window.is_open.lock().await;
        if !matches!(self.next_login_end().await, Ok(None)) {
            return Some(bound);
        }
        // Free the port before the window counts as closed, so that the next login can bind the port.
        bound.close().await;
        *is_open = false;
        None
    }

    fn timer(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let clock = Arc::clone(&self.clock);
        Box::pin(async move { clock.sleep(duration).await })
    }

    /// Completes the login of a callback and returns the reply for the browser.
    async fn reply_to(self: Arc<Self>, response: AuthorizationResponse) -> CallbackReply {
        match acting_as(Actor::named("callback"), self.complete(Callback::Received(response))).await {
            Ok(connected) => CallbackReply::Ended(LoginEnd::completed(&connected.other_names)),
            Err(AppError::LoginFailed(end) | AppError::LoginEnded(end)) => CallbackReply::Ended(end),
            Err(AppError::ConfirmationNeeded(question)) => CallbackReply::Question(question),
            Err(AppError::TokensUnsaved { .. }) => CallbackReply::Unsaved,
            Err(AppError::LoginInProgress) => CallbackReply::Finishing,
            Err(AppError::CallbackRejected(_)) => CallbackReply::Rejected,
            // The gateway failed, and the error was logged.
            Err(_) => CallbackReply::Unavailable,
        }
    }
}

/// Whether the browser may send another request after this reply: for the outcome page, or because the login is still
/// being completed. Only the state of a login leads to such a reply, so callbacks with other states do not keep the port
/// open.
fn may_be_followed(reply: &CallbackReply) -> bool {
    match reply {
        CallbackReply::Ended(_) | CallbackReply::Question(_) | CallbackReply::Unsaved | CallbackReply::Finishing => {
            true
        }
        CallbackReply::Rejected | CallbackReply::Unavailable => false,
    }
}

/// Waits for the timer, or forever if there is none.
async fn or_never(timer: Option<impl Future<Output = ()> + Unpin>) {
    match timer {
        Some(timer) => timer.await,
        None => future::pending().await,
    }
}
