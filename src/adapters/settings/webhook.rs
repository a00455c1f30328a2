//! The section `webhook`: whom to call when an account needs its owner.

use secrecy::{ExposeSecret, SecretString};

use super::{SettingsError, sources::Sources};
use crate::domain::oauth_client::EndpointUrl;

/// A shorter one could be guessed from a few signatures.
const LEAST_SECRET_BYTES: usize = 24;

#[derive(Debug, Clone)]
pub struct WebhookSettings {
    pub url: EndpointUrl,
    pub secret: SecretString,
}

impl WebhookSettings {
    /// None if nobody is to be called.
    pub(super) fn read(sources: &Sources) -> Result<Option<Self>, SettingsError> {
        let Some(text) = sources.text("webhook.url") else { return Ok(None) };
        let url =
            EndpointUrl::parse(text).map_err(|error| SettingsError::bad("webhook.url", text, error.to_string()))?;
        let Some(secret) = sources.secret("webhook.secret") else {
            let why = "the receiver knows by it that a call came from this gateway";
            return Err(SettingsError::Missing { key: "webhook.secret".to_owned(), why });
        };
        if secret.expose_secret().len() < LEAST_SECRET_BYTES {
            return Err(SettingsError::bad_secret("webhook.secret", "it must have 24 characters at least"));
        }
        Ok(Some(Self { url, secret }))
    }
}
