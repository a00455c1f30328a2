//! Sends account events to the owner's webhook, signed as in Standard Webhooks 1.0: `webhook-id`, `webhook-timestamp`
//! and `webhook-signature: v1,<base64 of HMAC-SHA256 over "id.timestamp.body">`.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use reqwest::{Client, header};
use secrecy::ExposeSecret;
use serde_json::json;
use sha2::Sha256;

use crate::{
    adapters::outbound::{Outbound, PerProxy, ProxySelector},
    domain::{
        history::CredentialEvent, oauth_client::EndpointUrl, provider_feedback::ProviderCode, refresh::Cause,
        signing_key::SigningKey,
    },
    ports::{Clock, Notifier, NotifyError},
};

/// Time limit for a request, from connecting to the head of the response.
const TIMEOUT: Duration = Duration::from_secs(5);

pub struct Webhook {
    clients: PerProxy<Client>,
    proxies: ProxySelector,
    url: EndpointUrl,
    key: SigningKey,
    clock: Arc<dyn Clock>,
}

impl Webhook {
    /// Creates an HTTP client for the direct connection and for each proxy.
    ///
    /// # Errors
    /// The client cannot be set up.
    pub fn new(
        outbound: &Outbound,
        url: EndpointUrl,
        key: SigningKey,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, reqwest::Error> {
        let clients = outbound.clients(|client| client.timeout(TIMEOUT))?;
        Ok(Self { clients, proxies: outbound.proxies().clone(), url, key, clock })
    }
}

/// Returns the value of `webhook-signature`.
pub fn signature(key: &SigningKey, id: &str, timestamp: i64, body: &str) -> String {
    // HMAC accepts a key of any length (RFC 2104 section 3), so this does not fail.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.expose_secret()) else { return String::new() };
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[async_trait]
impl Notifier for Webhook {
    async fn notify(&self, event: &CredentialEvent) -> Result<(), NotifyError> {
        // Retries have the same id, by which the receiver can detect them.
        let id = format!("{}.{}.{}", event.login_id, event.generation.0, event.revision.0);
        let body = json!({
            "type": format!("credential.{}", event.kind.as_str()),
            "timestamp": event.at.unix_seconds(),
            "data": {
                "provider": event.name.as_str(),
                "login_id": event.login_id.as_str(),
                "generation": event.generation.0,
                "cause": event.cause.map(Cause::as_str),
                "code": event.code.as_ref().map(ProviderCode::as_str),
                "reason": event.reason(),
            },
        })
        .to_string();
        let timestamp = self.clock.now().unix_seconds();
        let signature = signature(&self.key, &id, timestamp, &body);
        let unreachable = |error: reqwest::Error| NotifyError::Unreachable(error.without_url().into());
        let client = self.clients.of(self.proxies.index_for_text(self.url.as_str(), None));
        let request = client.post(self.url.as_str()).header(header::CONTENT_TYPE, "application/json");
        let request = request.header("webhook-id", id).header("webhook-timestamp", timestamp.to_string());
        let response = request.header("webhook-signature", signature).body(body).send().await.map_err(unreachable)?;
        let status = response.status();
        if status.is_success() { Ok(()) } else { Err(NotifyError::Refused { status: status.as_u16() }) }
    }
}
