//! Waits for a login to end, and accepts a pasted redirect URL while it waits.
//!
//! The outcome is read from the account's status: the browser may reach the gateway, or the redirect URL may be pasted
//! here, on the page or into another terminal.

use std::time::Duration;

use super::{
    client::GatewayClient,
    error::CliError,
    pasted_lines::{Pasted, PastedLines},
    render::{self, Countdown},
    transport::Answer,
};
use crate::{
    adapters::contract::{AuthStatus, CallbackState, LoginOutcome, LoginStarted},
    domain::{ids::AccountName, time::Timestamp},
    ports::Clock,
};

const POLL_EVERY: Duration = Duration::from_secs(1);
/// How long a login may be neither pending nor ended. It exceeds the gateway's timeout for the code exchange.
const SETTLE_WITHIN: Duration = Duration::from_secs(60);

/// A login that waits for approval.
pub(super) struct StartedLogin {
    pub(super) auth_url: String,
    pub(super) login_id: String,
    pub(super) expires_at: i64,
    pub(super) callback: CallbackState,
}

impl StartedLogin {
    /// Returns `None` if the account is signed in already.
    pub(super) fn of(started: LoginStarted) -> Option<Self> {
        let LoginStarted { auth_url, login_id, expires_at, callback, .. } = started;
        let callback = callback.unwrap_or_default();
        Some(Self { auth_url: auth_url?, login_id: login_id?, expires_at: expires_at?, callback })
    }
}

/// How the wait ended.
pub(super) enum End {
    Signed(Answer<AuthStatus>),
    Failed {
        reason: String,
        status: Answer<AuthStatus>,
    },
    /// The user pressed Ctrl-C.
    Interrupted,
}

/// The state of one login, as read from the account's status.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Signed,
    Failed(String),
    Waiting,
    /// Neither pending nor ended: its code is being exchanged, or the gateway has forgotten it.
    Unknown,
}

fn verdict(status: &AuthStatus, login_id: &str) -> Verdict {
    if status.login_id.as_deref() == Some(login_id) {
        return Verdict::Signed;
    }
    if let Some(last) = status.last_login.as_ref().filter(|last| last.login_id == login_id) {
        let is_completed = last.outcome == LoginOutcome::Completed;
        return if is_completed { Verdict::Signed } else { Verdict::Failed(last.reason.clone()) };
    }
    match &status.pending {
        Some(pending) if pending.login_id == login_id => Verdict::Waiting,
        Some(_another) => Verdict::Failed("another sign-in was started for this account.".to_owned()),
        None => Verdict::Unknown,
    }
}

pub(super) struct Wait<'a> {
    pub(super) provider: &'a AccountName,
    pub(super) client: &'a GatewayClient,
    pub(super) clock: &'a dyn Clock,
    pub(super) started: &'a StartedLogin,
    /// The text after the remaining time in the countdown.
    pub(super) remark: &'static str,
}

impl Wait<'_> {
    pub(super) async fn until_it_ends(&mut self, countdown: &mut Countdown) -> Result<End, CliError> {
        let mut pasted_lines = PastedLines::from_stdin();
        let mut known_until = self.clock.now();
        let mut remark = self.remark;
        loop {
            let left = self.clock.now().until(Timestamp::from_unix_seconds(self.started.expires_at));
            countdown.show(left, remark);
            tokio::select! {
                () = self.clock.sleep(POLL_EVERY) => {}
                pasted = pasted_lines.next() => {
                    countdown.clear();
                    self.hand_in(pasted).await?;
                }
            }
            remark = self.remark;
            match self.client.status(self.provider).await {
                Ok(status) => match verdict(&status.body, &self.started.login_id) {
                    Verdict::Signed => return Ok(End::Signed(status)),
                    Verdict::Failed(reason) => return Ok(End::Failed { reason, status }),
                    Verdict::Waiting => known_until = self.clock.now(),
                    Verdict::Unknown if self.is_settled(known_until) => {
                        let reason = "the gateway no longer has this sign-in. Nothing was saved.".to_owned();
                        return Ok(End::Failed { reason, status });
                    }
                    Verdict::Unknown => {}
                },
                // The gateway may be restarting. The login is in its database and continues.
                Err(CliError::Unreachable { .. } | CliError::InvalidAnswer { .. }) if !left.is_zero() => {
                    remark = " (gateway unreachable, still trying)";
                }
                // A new account is an "unknown provider" until its first login is saved.
                Err(CliError::Refused { .. }) if !self.is_settled(known_until) => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn is_settled(&self, known_until: Timestamp) -> bool {
        known_until.until(self.clock.now()) >= SETTLE_WITHIN
    }

    /// Submits a pasted line. If the gateway rejects it, prints the reason and continues waiting. The line itself is
    /// never printed: it may be anything from the clipboard.
    async fn hand_in(&self, pasted: Pasted) -> Result<(), CliError> {
        let redirect_url = match pasted {
            Pasted::Line(line) => line,
            Pasted::TooLong => {
                render::error("This is too long to be the address that the browser ended at.");
                return Ok(());
            }
        };
        match self.client.callback(self.provider, redirect_url).await {
            Ok(()) => Ok(()),
            Err(error @ (CliError::Refused { .. } | CliError::Unreachable { .. } | CliError::InvalidAnswer { .. })) => {
                render::error(&error.to_string());
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(status: &str) -> Verdict {
        verdict(&serde_json::from_str(status).unwrap(), "ours")
    }

    #[test]
    fn the_outcome_is_read_from_the_status() {
        let last = |id: &str, outcome: &str| {
            format!(
                r#"{{"authenticated":false,"state":"absent","last_login":{{"login_id":"{id}","outcome":"{outcome}","reason":"R.","at":1}}}}"#
            )
        };
        let pending = |id: &str| {
            format!(
                r#"{{"authenticated":true,"state":"active","login_id":"old","pending":{{"login_id":"{id}","expires_at":1}}}}"#
            )
        };
        assert_eq!(judge(r#"{"authenticated":true,"state":"active","login_id":"ours"}"#), Verdict::Signed);
        assert_eq!(judge(&last("ours", "completed")), Verdict::Signed);
        assert_eq!(judge(&last("ours", "denied")), Verdict::Failed("R.".to_owned()));
        assert_eq!(judge(&last("older", "denied")), Verdict::Unknown);
        assert_eq!(judge(&pending("ours")), Verdict::Waiting);
        assert!(matches!(judge(&pending("another")), Verdict::Failed(_)));
        assert_eq!(judge(r#"{"authenticated":true,"state":"active","login_id":"old"}"#), Verdict::Unknown);
    }
}
