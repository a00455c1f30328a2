//! Tell what happened to an account: one line in the log for every row of its history, with the members that a metric is
//! counted by.

use super::Gateway;
use crate::domain::{
    history::{CredentialEvent, Happening},
    refresh::Cause,
};

impl Gateway {
    pub(super) fn tell(&self, event: &CredentialEvent) {
        let CredentialEvent { name, login_id, generation, happening, .. } = event;
        let cause = event.cause.map(Cause::as_str);
        /// A macro of tracing wants its level as a constant.
        macro_rules! line {
            ($level:ident, $message:literal) => {
                tracing::$level!(
                    event.id = event.revision.0, event = happening.as_str(), provider.name = %name, login.id = %login_id,
                    credential.generation = generation.0, cause, $message
                )
            };
        }
        match happening {
            Happening::SignedIn => line!(info, "account signed in"),
            Happening::SignedOut => line!(info, "account signed out"),
            Happening::Changed => line!(info, "account changed"),
            Happening::RefreshStarted => line!(info, "token refresh started"),
            Happening::Refreshed => line!(info, "tokens refreshed"),
            Happening::RefreshPostponed => line!(warn, "token refresh did not get through; the access token serves on"),
            Happening::InDoubt => line!(warn, "token refresh unconfirmed; the access token serves on"),
            Happening::NeedsReauth => line!(error, "account needs its owner: the refresh token was refused"),
        }
    }
}
