//! The progress and outcome of a login, with stable codes for storage and API and sentences for users.

use std::borrow::Cow;

use super::{ids::AccountName, invisible::is_invisible};

/// The maximum length of a detail, in characters.
const MAX_DETAIL_CHARS: usize = 300;

/// The outcome of a login. Its code is stored and must not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr, strum::EnumString, strum::VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum LoginOutcome {
    Completed,
    /// The tokens belong to another account than the connected one. The owner must choose.
    ConfirmationNeeded,
    Denied,
    MissingEntitlement,
    /// The callback had an `error` other than a denial.
    ProviderError,
    Expired,
    Cancelled,
    /// The provider refused the code.
    CodeRefused,
    /// The provider was unreachable, or reported that it is unavailable.
    ProviderUnavailable,
    /// The provider did not respond in time.
    ProviderTimeout,
    /// The token response was invalid, or had no refresh token.
    #[strum(serialize = "bad_answer")] // The word that is stored.
    InvalidResponse,
    /// The tokens could not be saved.
    NotSaved,
    /// The gateway stopped during the code exchange.
    Interrupted,
}

stored_words!(LoginOutcome);

impl LoginOutcome {
    /// Returns the outcome and the next step, for the user.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Completed => "Sign-in complete. The tokens are saved.",
            Self::ConfirmationNeeded => {
                "You signed in to a different account than the connected one. Choose which one to keep."
            }
            Self::Denied => "You denied access at the provider. Nothing was saved. Start again if that was a mistake.",
            Self::MissingEntitlement => {
                "This workspace has no access to Codex. Ask its administrator, or sign in with another account."
            }
            Self::ProviderError => "The provider returned an error. Nothing was saved. Start again.",
            Self::Expired => "Sign-in timed out. Nothing was saved. Start again.",
            Self::Cancelled => "Sign-in cancelled. Nothing was saved.",
            Self::CodeRefused => "The provider rejected the authorization code. Nothing was saved. Start again.",
            Self::ProviderUnavailable => "The provider is unavailable. Nothing was saved. Start again in a moment.",
            Self::ProviderTimeout => {
                "The provider did not respond in time. Nothing was saved. Start again in a moment."
            }
            Self::InvalidResponse => {
                "The provider's response was invalid or had no refresh token. Nothing was saved. Start again."
            }
            Self::NotSaved => "The tokens could not be saved. Fix the problem in the gateway's log, then start again.",
            Self::Interrupted => "The gateway stopped during the sign-in. Start again.",
        }
    }
}

/// Why a login failed: the provider's own text, or the failure of the code exchange. Anyone with the login's `state`
/// can send such text. It is one short line, and must not be rendered as markup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginDetail(String);

impl LoginDetail {
    /// Removes invisible characters and truncates the text. Returns None if nothing is left.
    pub fn new(text: &str) -> Option<Self> {
        let visible = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(|c| !is_invisible(*c));
        let line: String = visible.take(MAX_DETAIL_CHARS).collect();
        let line = line.trim();
        (!line.is_empty()).then(|| Self(line.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How a login ended, for its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginEnd {
    pub outcome: LoginOutcome,
    /// The reason and the next step. It may contain the untrusted text of a [`LoginDetail`].
    pub reason: Cow<'static, str>,
}

impl LoginEnd {
    pub const fn of(outcome: LoginOutcome) -> Self {
        Self { outcome, reason: Cow::Borrowed(outcome.sentence()) }
    }

    /// Returns the end of a login whose tokens are saved. `others` are other names of the same user and workspace.
    pub fn completed(others: &[AccountName]) -> Self {
        let outcome = LoginOutcome::Completed;
        if others.is_empty() {
            return Self::of(outcome);
        }
        let names: Vec<&str> = others.iter().map(AccountName::as_str).collect();
        let (names, sentence) = (names.join(", "), outcome.sentence());
        Self { outcome, reason: format!("{sentence} The same user and workspace is also connected as {names}.").into() }
    }

    /// Returns the end of a login of the account `name`, explained by its detail.
    pub fn explained(outcome: LoginOutcome, detail: Option<&LoginDetail>, name: &AccountName) -> Self {
        let Some(LoginDetail(detail)) = detail else { return Self::of(outcome) };
        let reason = if outcome != LoginOutcome::ProviderError {
            format!("{} ({detail})", outcome.sentence())
        } else if detail.starts_with("invalid_scope") {
            format!(
                "The provider refuses the requested scopes ({detail}). Nothing was saved. Change the setting \
                 providers.{name}.scopes, then start again."
            )
        } else {
            format!("The provider returned an error ({detail}). Nothing was saved. Start again.")
        };
        Self { outcome, reason: reason.into() }
    }
}

impl From<LoginOutcome> for LoginEnd {
    fn from(outcome: LoginOutcome) -> Self {
        Self::of(outcome)
    }
}

/// The progress of a stored login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginProgress {
    Pending,
    Exchanging,
    /// The tokens belong to another account than the connected one and wait for the owner's choice.
    Unconfirmed,
    Ended(LoginOutcome),
}

impl LoginProgress {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Exchanging => "exchanging",
            Self::Unconfirmed => LoginOutcome::ConfirmationNeeded.as_str(),
            Self::Ended(outcome) => outcome.as_str(),
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "pending" => Some(Self::Pending),
            "exchanging" => Some(Self::Exchanging),
            ended if ended == Self::Unconfirmed.as_str() => Some(Self::Unconfirmed),
            ended => LoginOutcome::parse(ended).map(Self::Ended),
        }
    }
}
