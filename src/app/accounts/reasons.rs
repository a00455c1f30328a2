//! Writes the `reason` of a status: what is wrong with an account, and what the owner can do about it.

use super::Accounts;
use crate::{
    domain::{
        credential::AccountState,
        provider::{ProviderDefinition, ProviderType},
        provider_feedback::{AccountRefusal, ProviderFeedback},
        refresh::{RefreshState, TokenState},
        time::Timestamp,
    },
    ports::StoreTrouble,
};

pub(super) const SWITCHED_OFF_TEXT: &str = "The account is switched off in the configuration.";
const BREAKER_OPEN_TEXT: &str =
    "The provider's server for refreshes does not respond or fails. Refreshes are paused until it works.";

impl Accounts {
    /// Describes all problems of an account; None if there are none. `is_access_dead` is set if the provider named the
    /// access token as expired, invalidated or revoked. `mismatch` is set if a refresh returned another account's
    /// tokens.
    pub(super) fn reason(
        &self,
        definition: &ProviderDefinition,
        state: AccountState,
        refresh: &RefreshState,
        feedback: &ProviderFeedback,
        is_access_dead: bool,
        mismatch: Option<String>,
    ) -> Option<String> {
        let tokens = match feedback.refusal() {
            None if is_access_dead => Some(rejection_problem(refresh)),
            _ => token_problem(state, refresh, mismatch, self.now()),
        };
        let trouble = self.tokens.store_trouble();
        let can_refresh = refresh.refreshable && refresh.state != TokenState::NeedsReauth;
        let is_breaker_open = can_refresh && self.tokens.breaker_open_until(definition).is_some();
        join_reasons([
            feedback.refusal().filter(|_| state != AccountState::Disabled).map(refusal_problem),
            tokens,
            trouble.map(|trouble| format!("Tokens cannot be refreshed: {}. The gateway retries.", trouble.in_words())),
            is_breaker_open.then(|| BREAKER_OPEN_TEXT.to_owned()),
            self.clock.skew_millis().map(clock_problem),
        ])
    }
}

/// Puts a note before `reason`: the status comes from memory, because the store is down.
pub(super) fn with_store_down(trouble: StoreTrouble, reason: Option<String>) -> String {
    let trouble = trouble.in_words();
    let from_memory = format!("This status comes from memory: {trouble}. Tokens cannot be refreshed meanwhile.");
    [Some(from_memory), reason].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// Describes an account for which the configuration names another type.
pub(super) fn type_problem(definition: &ProviderDefinition, configured: ProviderType) -> String {
    format!(
        "The account is of the type {}, and the configuration names the type {configured} for it. It is not used. Log \
         it out, or change the type in the configuration.",
        definition.provider_type
    )
}

fn join_reasons<const N: usize>(reasons: [Option<String>; N]) -> Option<String> {
    let reasons: Vec<String> = reasons.into_iter().flatten().collect();
    (!reasons.is_empty()).then(|| reasons.join(" "))
}

fn refusal_problem(AccountRefusal { code, .. }: &AccountRefusal) -> String {
    format!(
        "The provider refuses the account: {} ({code}). Settle this with the provider, or sign in again. Requests are \
         still sent, and the first that succeeds ends this state.",
        code.in_words()
    )
}

/// Describes an access token that the provider named as expired, invalidated or revoked.
fn rejection_problem(refresh: &RefreshState) -> String {
    if !refresh.refreshable || refresh.state == TokenState::NeedsReauth || refresh.is_restored() {
        return "The provider rejected the access token. Sign in again; nothing is deleted until then.".to_owned();
    }
    let failed = refresh.cause.map(|cause| format!(", and the last refresh failed: {}", cause.in_words()));
    format!("The provider rejected the access token{}. The gateway retries the refresh.", failed.unwrap_or_default())
}

fn clock_problem(millis: i64) -> String {
    let side = if millis > 0 { "ahead of" } else { "behind" };
    format!(
        "This machine's clock is {} s {side} the database's. The gateway corrects its own times; set the clock.",
        millis.unsigned_abs() / 1_000
    )
}

/// Describes the problem of an account's tokens and the next step; None if the tokens have no problem.
fn token_problem(
    state: AccountState,
    refresh: &RefreshState,
    mismatch: Option<String>,
    now: Timestamp,
) -> Option<String> {
    let cause = mismatch.or_else(|| refresh.cause.map(|cause| cause.in_words().to_owned()));
    let because = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
    let has_expired = refresh.access_token_expired(now);
    Some(match state {
        AccountState::Active | AccountState::Refused if has_expired && refresh.cause.is_some() => {
            format!(
                "The access token has expired, and the last refresh failed{because}. The gateway retries automatically."
            )
        }
        AccountState::Active | AccountState::Refused if has_expired => {
            "The access token has expired. The gateway refreshes it automatically.".to_owned()
        }
        AccountState::Active | AccountState::Refused if refresh.cause.is_some() => {
            format!("The last refresh failed{because}. The gateway retries automatically.")
        }
        AccountState::Disabled => "The account is switched off. Nothing is deleted.".to_owned(),
        AccountState::InDoubt if refresh.is_restored() => format!(
            "The refresh token is unconfirmed{because}. Sign in again. Only a refresh that you request is tried, and it may \
             end the login."
        ),
        AccountState::InDoubt if has_expired => {
            format!(
                "The last refresh is unconfirmed{because}. The access token has expired. The gateway retries the refresh."
            )
        }
        AccountState::InDoubt => format!(
            "The last refresh is unconfirmed{because}. The access token works until it expires. Sign in now to avoid an \
             interruption."
        ),
        AccountState::NeedsReauth if has_expired => format!(
            "The access token has expired and cannot be refreshed{because}. Sign in again; nothing is deleted until then."
        ),
        AccountState::NeedsReauth => format!(
            "The account cannot be refreshed{because}. The access token works until it expires. Sign in again before that."
        ),
        AccountState::Active
        | AccountState::Absent
        | AccountState::Refreshing
        | AccountState::Refused
        | AccountState::Unreadable => return None,
    })
}
