//! The answers of the gateway's API, as far as this client reads them. Unknown members are ignored: the API may grow.

use serde::Deserialize;

/// An answer as it came, for `--json`, and what it means.
#[derive(Debug)]
pub(super) struct Answer<T> {
    pub(super) raw: String,
    pub(super) body: T,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Status {
    pub(super) authenticated: bool,
    pub(super) error: Option<String>,
    #[serde(default)]
    pub(super) state: String,
    pub(super) reason: Option<String>,
    pub(super) expires_at: Option<i64>,
    pub(super) login_id: Option<String>,
    pub(super) generation: Option<u64>,
    pub(super) account: Option<Account>,
    pub(super) pending: Option<PendingLogin>,
    pub(super) last_login: Option<LastLogin>,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Account {
    pub(super) account_id: Option<String>,
    pub(super) user_id: Option<String>,
    pub(super) email: Option<String>,
    pub(super) plan_type: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct PendingLogin {
    pub(super) login_id: String,
    pub(super) expires_at: i64,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct LastLogin {
    pub(super) login_id: String,
    pub(super) outcome: String,
    pub(super) reason: Option<String>,
}

/// What `start` answers. Without Debug: `auth_url` carries the login's state.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Start {
    Started(StartedLogin),
    /// `status` is `already_authenticated`.
    NotNeeded {
        #[serde(rename = "status")]
        _status: String,
        provider_name: String,
    },
}

#[derive(Deserialize)]
pub(super) struct StartedLogin {
    pub(super) auth_url: String,
    pub(super) login_id: String,
    pub(super) expires_at: i64,
    #[serde(default)]
    pub(super) callback: Callback,
}

/// Whether the gateway listens for the browser's return.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Callback {
    pub(super) listening: bool,
    pub(super) error: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Connected {
    pub(super) provider_name: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Cancelled {
    pub(super) status: String,
}

impl Cancelled {
    pub(super) fn there_was_one(&self) -> bool {
        self.status == "cancelled"
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct LoggedOut {
    #[serde(default)]
    pub(super) removed: bool,
    #[serde(default)]
    pub(super) revocation: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct ProviderList {
    pub(super) providers: Vec<Provider>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Provider {
    pub(super) name: String,
    pub(super) display_name: String,
    pub(super) provider_type: String,
    pub(super) category: String,
    pub(super) auth_methods: Vec<String>,
    pub(super) enabled: bool,
    pub(super) state: String,
    pub(super) expires_at: Option<i64>,
    pub(super) account: Option<Account>,
}

#[derive(Debug, Deserialize)]
pub(super) struct TokenList {
    pub(super) tokens: Vec<Token>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Token {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) scope: String,
    pub(super) created_at: i64,
}

/// Without Debug: it holds the token.
#[derive(Deserialize)]
pub(super) struct IssuedToken {
    pub(super) id: String,
    pub(super) token: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Revoked {
    #[serde(rename = "status")]
    _status: String,
}

/// How much of a plan is used up.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Usage {
    pub(super) windows: Vec<UsageWindow>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct UsageWindow {
    pub(super) used_percent: f64,
    pub(super) window_seconds: Option<u64>,
    pub(super) resets_at: Option<i64>,
}

/// `application/problem+json` (RFC 9457), with the sentence to show in `error`.
#[derive(Debug, Deserialize)]
pub(super) struct Problem {
    pub(super) error: String,
    pub(super) detail: Option<String>,
}

impl Account {
    /// The most telling of the names an account goes by.
    pub(super) fn label(&self) -> Option<&str> {
        let names = [&self.email, &self.user_id, &self.account_id];
        names.into_iter().flatten().map(String::as_str).find(|name| !name.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_answers_one_of_two_objects() {
        let already = r#"{"status":"already_authenticated","provider_name":"openai-codex"}"#;
        let Ok(Start::NotNeeded { provider_name, .. }) = serde_json::from_str(already) else { panic!() };
        assert_eq!(provider_name, "openai-codex");
        let started = r#"{"auth_url":"https://a","provider_name":"openai-codex","login_id":"1","expires_at":9,
                          "callback":{"listening":false,"error":"busy"}}"#;
        let Ok(Start::Started(login)) = serde_json::from_str(started) else { panic!() };
        assert_eq!((login.expires_at, login.callback.error.as_deref()), (9, Some("busy")));
    }

    #[test]
    fn the_smallest_status_is_enough_and_new_members_do_no_harm() {
        let status: Status = serde_json::from_str(r#"{"authenticated":false,"state":"absent","new":[1]}"#).unwrap();
        assert!(!status.authenticated && status.account.is_none());
    }
}

/// Without Debug: it opens the page.
#[derive(Deserialize)]
pub(super) struct PageLink {
    pub(super) link: String,
    pub(super) expires_at: i64,
}
