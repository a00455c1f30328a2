//! Two gateways on one database, their provider, and the operations on them.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::history::History;
use crate::{
    composed,
    decorated::Sabotage,
    races_and_faults::{ask, clock, hurried_home, status},
    support::{
        gateway::{Gateway, Home, HttpResponse},
        postgres::Database,
        provider::Provider,
    },
    testbed::shared_client,
};

/// Far longer than the delays of at most 1.5 s that this scenario injects. Another scenario tests timeouts.
const HTTP_TIMEOUT: Duration = Duration::from_secs(9);
const MAX_WARNINGS: usize = 5;
const STORED_LOGIN: &str = "coalesce((SELECT login_id FROM llm_providers WHERE name = 'openai-codex'), '') || ' ' || \
                              (SELECT count(*) FROM config_secrets)";

/// What a revocation ends at the provider, according to the gateways' settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Revocation {
    OfFamily,
    OfGrant,
}

impl Revocation {
    pub(super) fn in_words(self) -> &'static str {
        match self {
            Self::OfFamily => "revocation ends one login",
            Self::OfGrant => "revocation ends the grant",
        }
    }
}

pub(super) struct Pair {
    pub(super) provider: Provider,
    pub(super) database: Database,
    pub(super) history: History,
    gateways: [Gateway; 2],
    _homes: [Home; 2],
}

impl Pair {
    pub(super) async fn start(revocation: Revocation, sabotage: Option<Sabotage>) -> Arc<Self> {
        let (provider, database) = (Provider::approving(), Database::create().await);
        let homes = [(); 2].map(|()| {
            let home = hurried_home(&provider, HTTP_TIMEOUT).with("GOCLAW_DATABASE__URL", &database.url);
            match revocation {
                Revocation::OfFamily => home.with("GOCLAW_PROVIDERS__OPENAI_CODEX__REVOCATION", "family"),
                Revocation::OfGrant => home,
            }
        });
        let [first, second] = [&homes[0], &homes[1]].map(|home| composed::start(home, sabotage));
        let (first, second) = tokio::join!(first, second);
        let history = History::default();
        Arc::new(Self { provider, database, history, gateways: [first, second], _homes: homes })
    }

    async fn post(&self, gateway: usize, action: &str, body: &Value) -> HttpResponse {
        let Gateway { base, token, .. } = &self.gateways[gateway];
        let request = shared_client().post(format!("{base}/v1/auth/openai/{action}")).bearer_auth(token).json(body);
        HttpResponse::of(request.send().await.expect("an answer")).await
    }

    pub(super) async fn refresh(&self, gateway: usize) -> u16 {
        self.post(gateway, "refresh", &json!({})).await.status
    }

    /// Sends a proxied request, which the backend may refuse. Panics at a 400, unless the account is not connected or
    /// needs a new login.
    pub(super) async fn call(&self, gateway: usize) -> u16 {
        let Gateway { base, token, .. } = &self.gateways[gateway];
        let request = shared_client().get(format!("{base}/v1/proxy/openai/wham/usage")).bearer_auth(token);
        let answer = HttpResponse::of(request.send().await.expect("an answer")).await;
        let code = answer.json()["error"]["code"].clone();
        assert!(answer.status != 400 || code == "not_connected" || code == "needs_reauth", "{}", answer.text);
        answer.status
    }

    pub(super) async fn logout(&self, gateway: usize) -> u16 {
        let index = self.history.note_logout();
        let status = self.post(gateway, "logout", &json!({})).await.status;
        self.history.note_logout_response(index);
        status
    }

    /// Starts a login at one gateway. Returns its id and the redirect URL.
    pub(super) async fn start_login(&self, gateway: usize) -> (String, String) {
        let asked_at = clock();
        let started = self.post(gateway, "start", &json!({"force": true})).await;
        assert_eq!(started.status, 200, "{}\n{}", started.text, self.warnings(gateway));
        let (started, text) = (started.json(), |value: &Value| value.as_str().expect("a text").to_owned());
        let id = text(&started["login_id"]);
        self.history.note_login_start(&id, asked_at);
        let approved = shared_client().get(text(&started["auth_url"])).send().await.expect("an answer");
        let redirect_url = HttpResponse::of(approved).await.header("location").to_owned();
        (id, redirect_url)
    }

    /// Returns a gateway's last warnings and errors, for diagnosis.
    fn warnings(&self, gateway: usize) -> String {
        let log = self.gateways[gateway].log();
        let warnings = log.lines().rev().filter(|line| line.contains("WARN") || line.contains("ERROR"));
        warnings.take(MAX_WARNINGS).collect::<Vec<_>>().join("\n")
    }

    /// Pastes a redirect URL at a gateway.
    pub(super) async fn paste(&self, gateway: usize, (id, redirect_url): &(String, String)) -> u16 {
        let pasted_at = clock();
        let status = self.post(gateway, "callback", &json!({"redirect_url": redirect_url})).await.status;
        if status == 200 {
            self.history.note_login_completion(id, pasted_at);
        }
        status
    }

    /// Performs a login that begins at `gateway` and completes at the other one.
    pub(super) async fn login(&self, gateway: usize) -> (String, u16) {
        let started = self.start_login(gateway).await;
        let status = self.paste(1 - gateway, &started).await;
        (started.0, status)
    }

    /// Returns the login in the database, if any.
    ///
    /// # Errors
    /// A description, if only one of account and refresh token is stored.
    pub(super) async fn stored_login(&self) -> Result<Option<String>, String> {
        let stored = self.database.cell(STORED_LOGIN, "(SELECT 1) AS one").await.expect("a row");
        match stored.split_once(' ').expect("two values") {
            ("", "0") => Ok(None),
            (id, "1") if !id.is_empty() => Ok(Some(id.to_owned())),
            (id, secrets) => Err(format!("the account's login is \"{id}\", with {secrets} refresh tokens")),
        }
    }

    /// Checks the stored login against the history.
    pub(super) async fn problem(&self) -> Option<String> {
        let queried_at = clock();
        match self.stored_login().await {
            Ok(stored) => self.history.problem(stored.as_deref(), queried_at),
            Err(error) => Some(error),
        }
    }

    /// Returns the status of both gateways.
    pub(super) async fn statuses(&self) -> [Value; 2] {
        let (first, second) = tokio::join!(status(&self.gateways[0]), status(&self.gateways[1]));
        [first, second]
    }

    /// Queries the provider's control API.
    pub(super) async fn query(&self, path: &str) -> Value {
        ask(&self.provider, path).await
    }

    /// Sends a command to the provider's control API.
    pub(super) async fn command(&self, path: &str, body: &Value) {
        let request = shared_client().post(format!("{}{path}", self.provider.control_url)).json(body);
        let answer = HttpResponse::of(request.send().await.expect("an answer")).await;
        assert_eq!(answer.status, 200, "{path} with {body}: {}", answer.text);
    }

    /// Returns whether the account is absent on both gateways and in the database.
    pub(super) async fn is_logged_out(&self) -> bool {
        let absent = self.statuses().await.iter().all(|status| status["state"] == "absent");
        absent && self.stored_login().await == Ok(None)
    }

    /// Returns whether this login is active on both gateways and in the database.
    pub(super) async fn is_logged_in_with(&self, id: &str) -> bool {
        let is_active =
            self.statuses().await.iter().all(|status| status["login_id"] == id && status["state"] == "active");
        is_active && self.stored_login().await == Ok(Some(id.to_owned()))
    }
}
