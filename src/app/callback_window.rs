//! The window where browsers come back to: open while somebody is signing in, closed as soon as nobody is.
//!
//! One listener serves all pending logins, since a callback says by its `state` which one it is for. It opens with the
//! first pending login and closes when none is left: at once after a cancel or the end of the time, and after a
//! callback 1 s after the browser has fetched the page with the outcome, 10 s after at the latest.

use std::{future, sync::Arc, time::Duration};

use futures_util::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use tokio::sync::{Mutex, Notify};

use super::{AppError, Callback, Gateway};
use crate::{
    domain::{authorization_response::AuthorizationResponse, login_outcome::LoginOutcome},
    ports::{BoundCallback, CallbackAddress, CallbackEvent, CallbackListener, CallbackReply, StoreError},
};

/// How long the listener stays after the page with the outcome was fetched.
const AFTER_PAGE: Duration = Duration::from_secs(1);
/// How long it waits for that page to be fetched.
const FOR_PAGE: Duration = Duration::from_secs(10);
/// How soon to ask a store again that does not answer.
const STORE_RETRY: Duration = Duration::from_secs(5);

pub struct CallbackWindow {
    listener: Arc<dyn CallbackListener>,
    address: CallbackAddress,
    /// Whether a listener is at work. Held while opening and closing, so that a login that starts while the window closes
    /// finds it either open or closed, never in between.
    open: Mutex<bool>,
    /// A login was started or ended by other means than a callback.
    changed: Notify,
}

impl CallbackWindow {
    pub fn new(listener: Arc<dyn CallbackListener>, address: CallbackAddress) -> Self {
        Self { listener, address, open: Mutex::new(false), changed: Notify::new() }
    }

    /// Tells the window to look again at what is pending.
    pub(super) fn logins_changed(&self) {
        self.changed.notify_one();
    }
}

impl Gateway {
    /// Opens the window unless it is open. The error is a sentence for the person who signs in.
    pub(super) async fn open_callback_window(self: &Arc<Self>) -> Result<(), String> {
        let mut open = self.window.open.lock().await;
        if *open {
            self.window.logins_changed();
            return Ok(());
        }
        let port = self.window.address.port();
        match self.window.listener.bind(&self.window.address).await {
            Ok(bound) => {
                *open = true;
                let gateway = Arc::clone(self);
                self.tasks.start(async move { gateway.run(bound).await });
                Ok(())
            }
            Err(error) => {
                // The seed's words.
                let sentence = format!("failed to start OAuth flow (is port {port} available?)");
                tracing::warn!(error = %error, "{sentence}: {error}; the redirect URL can be pasted instead");
                Err(format!("{sentence}: {error}"))
            }
        }
    }

    /// Opens the window again if logins were pending when the gateway stopped.
    pub(super) async fn reopen_callback_window(self: &Arc<Self>) -> Result<(), AppError> {
        if !self.logins.open_logins(self.now()).await?.is_empty() {
            // A port that is taken was logged; the logins can still be finished by pasting.
            let _ = self.open_callback_window().await;
        }
        Ok(())
    }

    async fn run(self: Arc<Self>, mut bound: Box<dyn BoundCallback>) {
        let mut answers: FuturesUnordered<BoxFuture<'static, ()>> = FuturesUnordered::new();
        let mut closing: Option<BoxFuture<'static, ()>> = None;
        loop {
            let next_end = self.next_login_end().await;
            let idle = answers.is_empty() && matches!(next_end, Ok(None));
            if idle && closing.is_none() {
                match self.close_if_idle(bound).await {
                    None => return,
                    Some(still_wanted) => bound = still_wanted,
                }
            }
            let look_again = next_end.unwrap_or(Some(STORE_RETRY));
            let look_again = async {
                match look_again {
                    Some(wait) => self.clock.sleep(wait).await,
                    None => future::pending().await,
                }
            };
            let closing_time = async {
                match &mut closing {
                    Some(timer) => timer.await,
                    None => future::pending().await,
                }
            };
            tokio::select! {
                event = bound.next_event() => match event {
                    CallbackEvent::Hit(hit) => {
                        let gateway = Arc::clone(&self);
                        answers.push(Box::pin(async move { (hit.reply)(gateway.answer(hit.response).await) }));
                    }
                    CallbackEvent::OutcomeShown => closing = Some(self.timer(AFTER_PAGE)),
                },
                Some(()) = answers.next() => closing = Some(self.timer(FOR_PAGE)),
                () = closing_time => closing = None,
                () = look_again => {}
                () = self.window.changed.notified() => {}
                () = self.tasks.stopping().cancelled() => break,
            }
        }
        // The exchange itself is a tracked task; this only lets the browsers see how it ended.
        while answers.next().await.is_some() {}
    }

    /// How long until the next pending login ends; None if none is pending.
    async fn next_login_end(&self) -> Result<Option<Duration>, StoreError> {
        let now = self.now();
        let open = self.logins.open_logins(now).await.inspect_err(|error| {
            tracing::warn!(error = %error, "cannot see which logins are pending; the callback listener stays open");
        })?;
        Ok(open.iter().map(|login| now.until(login.session.expires_at)).min())
    }

    /// Closes the window; if a login has started meanwhile, it stays open and the listener comes back.
    async fn close_if_idle(&self, bound: Box<dyn BoundCallback>) -> Option<Box<dyn BoundCallback>> {
        let mut open = self.window.open.lock().await;
        if !matches!(self.next_login_end().await, Ok(None)) {
            return Some(bound);
        }
        // The port is free before the window counts as closed: the next login finds no port taken by ourselves.
        bound.close().await;
        *open = false;
        None
    }

    fn timer(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let clock = Arc::clone(&self.clock);
        Box::pin(async move { clock.sleep(duration).await })
    }

    /// What the browser is shown: the truth, so only once the login has really ended.
    async fn answer(self: Arc<Self>, response: AuthorizationResponse) -> CallbackReply {
        match self.complete_login(Callback::Received(response)).await {
            Ok(_connected) => CallbackReply::Ended(LoginOutcome::Completed),
            Err(AppError::LoginFailed { outcome, .. } | AppError::LoginOver(outcome)) => CallbackReply::Ended(outcome),
            Err(AppError::LoginInProgress) => CallbackReply::Finishing,
            Err(AppError::CallbackRejected(_)) => CallbackReply::NotOurs,
            // Whatever else goes wrong does so at the gateway, also after the login was let in; its log says why.
            Err(_) => CallbackReply::Unavailable,
        }
    }
}
