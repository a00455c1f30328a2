//! Waits for a login to end, and accepts a pasted redirect URL while it waits.
//!
//! The outcome comes from the account's status, because other clients can complete the login too: the browser by its
//! redirect, the page, or a paste into another terminal.

use std::time::Duration;

use secrecy::SecretString;

use super::{
    client::GatewayClient,
    error::CliError,
    pasted_lines::{Pasted, PastedLines, join_wrapped},
    render::{self, Countdown},
    transport::ApiResponse,
};
use crate::{
    adapters::contract::{AuthStatus, CallbackState, LoginOutcome, LoginStarted},
    domain::{ids::AccountName, time::Timestamp},
    ports::Clock,
};

const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Maximum pause between two lines of one paste.
const PASTE_PAUSE: Duration = Duration::from_millis(100);
/// How long a login may be neither pending nor ended. Exceeds the gateway's timeout for the code exchange.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(60);

/// A login that waits for approval.
pub struct PendingLogin {
    pub auth_url: String,
    pub login_id: String,
    pub expires_at: i64,
    pub callback: CallbackState,
}

impl PendingLogin {
    /// Returns `None` if the account is connected already.
    pub fn of(started: LoginStarted) -> Option<Self> {
        let LoginStarted { auth_url, login_id, expires_at, callback, .. } = started;
        let callback = callback.unwrap_or_default();
        Some(Self { auth_url: auth_url?, login_id: login_id?, expires_at: expires_at?, callback })
    }
}

/// The end of a login. A login that needs a confirmation counts as ended.
pub struct LoginEnd {
    pub status: ApiResponse<AuthStatus>,
    /// Why the login failed; `None` if it did not fail.
    pub failure: Option<String>,
}

/// The state of one login, as read from the account's status.
#[derive(Debug, PartialEq, Eq)]
pub enum LoginState {
    Completed,
    Failed(String),
    /// Another user or workspace signed in, and the owner has to confirm.
    Unconfirmed,
    Pending,
    /// Neither pending nor ended: the gateway is exchanging the code, or has deleted the login.
    Unknown,
}

impl LoginState {
    pub fn of(status: &AuthStatus, login_id: &str) -> Self {
        if status.login_id.as_deref() == Some(login_id) {
            return Self::Completed;
        }
        if let Some(last) = status.last_login.as_ref().filter(|last| last.login_id == login_id) {
            return if last.outcome == LoginOutcome::Completed {
                Self::Completed
            } else if last.outcome == LoginOutcome::ConfirmationNeeded {
                Self::Unconfirmed
            } else {
                Self::Failed(last.reason.clone())
            };
        }
        match &status.pending {
            Some(pending) if pending.login_id == login_id => Self::Pending,
            Some(_another) => Self::Failed("another sign-in was started for this account.".to_owned()),
            None => Self::Unknown,
        }
    }
}

pub struct LoginWait<'a> {
    pub account: &'a AccountName,
    pub client: &'a GatewayClient,
    pub clock: &'a dyn Clock,
    pub login: &'a PendingLogin,
    /// The text after the remaining time in the countdown.
    pub remark: &'static str,
}

impl LoginWait<'_> {
    /// Polls the status until the login has ended.
    ///
    /// # Errors
    ///
    /// The status cannot be read. While the gateway is unreachable, retries until the login expires; after a refusal,
    /// for `SETTLE_TIMEOUT`.
    pub async fn until_end(&self, countdown: &mut Countdown) -> Result<LoginEnd, CliError> {
        let mut pasted_lines = PastedLines::open();
        let mut rejected_lines = None;
        let mut last_pending_at = self.clock.now();
        let mut remark = self.remark;
        loop {
            let left = self.clock.now().until(Timestamp::from_unix_seconds(self.login.expires_at));
            countdown.show(left, remark);
            tokio::select! {
                () = self.clock.sleep(POLL_INTERVAL) => {}
                pasted = pasted_lines.next() => {
                    countdown.clear();
                    render::error("Checking the pasted address.");
                    let pasted = self.whole_paste(pasted, &mut pasted_lines).await;
                    rejected_lines = self.submit(rejected_lines, pasted).await?;
                }
            }
            remark = self.remark;
            let status = self.client.status(self.account).await;
            let settle_timed_out = last_pending_at.until(self.clock.now()) >= SETTLE_TIMEOUT;
            match status {
                Ok(status) => {
                    let failure = match LoginState::of(&status.body, &self.login.login_id) {
                        LoginState::Completed | LoginState::Unconfirmed => None,
                        LoginState::Failed(reason) => Some(reason),
                        LoginState::Unknown if settle_timed_out => {
                            Some("the gateway no longer has this sign-in. Nothing was saved.".to_owned())
                        }
                        LoginState::Unknown => continue,
                        LoginState::Pending => {
                            last_pending_at = self.clock.now();
                            continue;
                        }
                    };
                    return Ok(LoginEnd { status, failure });
                }
                // The gateway may be restarting. The login continues, because it is stored in the database.
                Err(CliError::Unreachable { .. } | CliError::InvalidResponse { .. }) if !left.is_zero() => {
                    remark = " (gateway unreachable, still trying)";
                }
                // The refusal may be temporary: for example, the gateway's database is unavailable.
                Err(CliError::Refused { .. }) if !settle_timed_out => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Appends the lines that arrive right after the first one: they belong to one paste. The beginning of a wrapped
    /// address could be taken for an address with a shorter code.
    async fn whole_paste(&self, first: Pasted, lines: &mut PastedLines) -> Pasted {
        let mut pasted = first;
        while let Pasted::Line(_) = pasted {
            tokio::select! {
                () = self.clock.sleep(PASTE_PAUSE) => break,
                next = lines.next() => pasted = pasted.followed_by(next),
            }
        }
        pasted
    }

    /// Submits a pasted line. If the gateway rejects it, submits it again with the lines `before` it, because the
    /// terminal may have wrapped the URL. If both fail, prints the reason and returns the lines, for the next call.
    /// Never prints the lines themselves: they may be anything from the clipboard.
    async fn submit(&self, before: Option<SecretString>, pasted: Pasted) -> Result<Option<SecretString>, CliError> {
        let Pasted::Line(line) = pasted else {
            render::error("This is too long to be the address that the browser ended at.");
            return Ok(None);
        };
        let joined = before.and_then(|before| join_wrapped(&before, &line));
        let mut answer = self.client.callback(self.account, line.clone()).await;
        if let (Err(CliError::Refused { .. }), Some(joined)) = (&answer, &joined) {
            answer = self.client.callback(self.account, joined.clone()).await.or(answer);
        }
        match answer {
            Err(
                error @ (CliError::Refused { .. } | CliError::Unreachable { .. } | CliError::InvalidResponse { .. }),
            ) => {
                render::error(&error.to_string());
                Ok(Some(joined.unwrap_or(line)))
            }
            answer => answer.map(|_connected| None),
        }
    }
}
