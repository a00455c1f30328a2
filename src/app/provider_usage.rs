//! How much of an account's plan is used up. Every answer of the provider says so beside what was asked for; where none
//! did lately, the provider is asked.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http_message::HeaderMap;
use tokio::select;

use super::{AppError, Gateway, ask_model::json_of, provider_call::ProviderCall};
use crate::domain::{
    ids::{LoginId, ProviderName},
    proxy::ProxyPath,
    time::Timestamp,
    usage::Usage,
};

/// How long what was said last is passed on without asking again.
const FRESH_FOR: Duration = Duration::from_secs(60);

/// How long a provider has to tell.
const USAGE_TIMEOUT: Duration = Duration::from_secs(10);

/// What is known of each account's plan, and from which login's answers.
#[derive(Debug, Default)]
pub(super) struct Usages(Mutex<HashMap<ProviderName, (LoginId, Usage)>>);

impl Usages {
    /// Takes what an answer's headers say, if they say anything.
    pub(super) fn note(&self, name: &ProviderName, login_id: &LoginId, headers: &HeaderMap, now: Timestamp) {
        // By far the most answers have none: one look decides.
        if headers.contains_key("x-codex-primary-used-percent")
            && let Some(usage) = Usage::of_headers(|name| headers.get(name)?.to_str().ok(), now)
        {
            self.put(name, login_id, usage);
        }
    }

    fn put(&self, name: &ProviderName, login_id: &LoginId, usage: Usage) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(name.clone(), (login_id.clone(), usage));
    }

    fn get(&self, name: &ProviderName, login_id: &LoginId) -> Option<Usage> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(name).filter(|(of, _)| of == login_id).map(|(_, usage)| usage.clone())
    }
}

impl Gateway {
    /// What is known of the plan, asked of the provider if it is older than a minute.
    pub async fn provider_usage(self: &Arc<Self>, name: &str) -> Result<Usage, AppError> {
        let definition = self.definition_named(name)?;
        let name = &definition.name;
        let path = definition.descriptor().usage_path.ok_or_else(|| AppError::NoUsage(name.clone()))?;
        let account = self.bearer(name).await?;
        let login_id = &account.refresh.version.login_id;
        if let Some(fresh) = self.usages.get(name, login_id).filter(|usage| usage.as_of.plus(FRESH_FOR) > self.now()) {
            return Ok(fresh);
        }
        let url = definition.url_of(&ProxyPath::fixed(path), None);
        let call = ProviderCall::get(url, HeaderMap::new());
        let answer = select! {
            answer = self.call_provider(name, call) => answer?,
            () = self.clock.sleep(USAGE_TIMEOUT) => return Err(AppError::InvalidUpstreamResponse("it takes too long to tell its usage")),
        };
        if !answer.status.is_success() {
            return Err(self.refused(answer).await);
        }
        let json = json_of(answer).await?;
        let usage =
            Usage::of_json(&json, self.now()).ok_or(AppError::InvalidUpstreamResponse("its answer tells no usage"))?;
        self.usages.put(name, login_id, usage.clone());
        Ok(usage)
    }
}
