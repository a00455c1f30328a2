//! The usage of an account's plan. It is read from the headers of responses, or requested from the provider if those
//! are too old.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use http_message::{HeaderMap, Method};
use tokio::select;

use super::{Models, ask::json_of, call::ProviderCall};
use crate::{
    app::{AppError, ProviderRegistration},
    domain::{
        ids::{AccountName, LoginId},
        provider_feedback::FeedbackSource,
        proxy::ProxyPath,
        time::Timestamp,
        usage::Usage,
    },
};

/// How long a known usage is served without a request.
const FRESH_FOR: Duration = Duration::from_secs(60);

/// How long a provider may take to report the usage.
const USAGE_TIMEOUT: Duration = Duration::from_secs(10);

/// The last known usage of each account, with its login.
#[derive(Debug, Default)]
pub(super) struct Usages(Mutex<HashMap<AccountName, (LoginId, Usage)>>);

impl Usages {
    /// Stores the usage from the headers of a response. If they have none, drops the known usage, because the request
    /// may have changed it. A safe request (RFC 9110, section 9.2.1), such as one for the list of models, has not.
    pub(super) fn note(&self, account: &ProviderRegistration, method: &Method, headers: &HeaderMap, now: Timestamp) {
        let (name, login_id) = (&account.definition.name, &account.refresh.version.login_id);
        // Check one header first, because most responses have no usage.
        if headers.contains_key("x-codex-primary-used-percent")
            && let Some(usage) = Usage::of_headers(|name| headers.get(name)?.to_str().ok(), now)
        {
            self.put(name, login_id, usage);
        } else if !method.is_safe() {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
        }
    }

    fn put(&self, name: &AccountName, login_id: &LoginId, usage: Usage) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(name.clone(), (login_id.clone(), usage));
    }

    pub(super) fn get(&self, name: &AccountName, login_id: &LoginId) -> Option<Usage> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(name).filter(|(known_login, _)| known_login == login_id).map(|(_, usage)| usage.clone())
    }
}

impl Models {
    /// Returns the last known windows of an account's plan, with the used part of each at this time; 1.0 is all of it.
    pub(in crate::app) fn plan_windows(&self, name: &AccountName, login_id: &LoginId) -> Vec<(&'static str, f64)> {
        let windows = self.usages.get(name, login_id).map(|usage| usage.windows).unwrap_or_default();
        windows.iter().map(|window| (window.name, window.used_ratio(self.now()))).collect()
    }

    /// Returns the plan's usage. Requests it from the provider if the known one is older than a minute.
    ///
    /// # Errors
    /// [`AppError::NoUsage`] if the provider does not report it, [`AppError::UnknownProvider`], [`AppError::Upstream`],
    /// and those of [`Tokens::usable`](crate::app::Tokens::usable).
    #[tracing::instrument(name = "models.usage", skip_all, fields(provider.name = %name))]
    pub async fn usage(&self, name: &AccountName) -> Result<Usage, AppError> {
        let definition = self.definition(name).await?;
        let name = &definition.name;
        let path = definition.descriptor().usage_path.ok_or_else(|| AppError::NoUsage(name.clone()))?;
        let account = self.tokens.usable(name).await?;
        let login_id = &account.refresh.version.login_id;
        if let Some(fresh) = self.usages.get(name, login_id).filter(|usage| usage.as_of.plus(FRESH_FOR) > self.now()) {
            return Ok(fresh);
        }
        let url = definition.url_of(&ProxyPath::fixed(path), None);
        let call = ProviderCall::get(url, HeaderMap::new());
        let read = async {
            let (account, response) = self.call_successfully(name, call, FeedbackSource::Usage).await?;
            self.note_answered(&account, FeedbackSource::Usage);
            json_of(response).await
        };
        let json = select! {
            json = read => json?,
            () = self.clock.sleep(USAGE_TIMEOUT) => return Err(AppError::InvalidUpstreamResponse("it did not report its usage in time")),
        };
        let usage = Usage::of_json(&json, self.now())
            .ok_or(AppError::InvalidUpstreamResponse("its response contains no usage"))?;
        self.usages.put(name, login_id, usage.clone());
        Ok(usage)
    }
}
