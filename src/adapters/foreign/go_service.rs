//! Converts database rows of the GoClaw service written in Go to accounts.
//!
//! The service seals secrets with AES-256-GCM without associated data. It stores `aes-gcm:` and the base64 of nonce (12
//! bytes), ciphertext and tag. Without a key, it stores plaintext.

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use secrecy::{ExposeSecret, SecretString, zeroize::Zeroizing};

use super::{ForeignError, oauth_account};
use crate::{
    app::PlaintextAccount,
    domain::{
        ids::{AccountName, DisplayName},
        provider::{AuthMethod, ProviderType, openai_codex::canonical},
        secret::{AccessToken, RefreshToken},
        time::Timestamp,
        token_response::pasted_metadata,
    },
};

const SEALED_PREFIX: &str = "aes-gcm:";

/// A row of the service's table `llm_providers`, with the refresh token from `config_secrets`.
#[derive(Debug)]
pub struct GoServiceRow {
    pub name: String,
    pub display_name: Option<String>,
    pub provider_type: String,
    pub enabled: bool,
    pub api_key: Option<SecretString>,
    pub refresh_token: Option<SecretString>,
}

/// The service's `GOCLAW_ENCRYPTION_KEY`.
pub struct GoServiceKey(LessSafeKey);

impl GoServiceKey {
    /// Parses 64 hex digits, 44 characters of base64, or 32 raw bytes.
    ///
    /// # Errors
    /// [`ForeignError::InvalidKey`].
    pub fn parse(text: &SecretString) -> Result<Self, ForeignError> {
        let text = text.expose_secret().trim();
        let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok();
        let bytes = match text.len() {
            64 => text.as_bytes().chunks(2).map(byte).collect::<Option<Vec<u8>>>(),
            44 => STANDARD.decode(text).ok(),
            _ => Some(text.as_bytes().to_vec()),
        };
        let bytes = Zeroizing::new(bytes.ok_or(ForeignError::InvalidKey)?);
        let key = UnboundKey::new(&AES_256_GCM, &bytes).map_err(|_other_length| ForeignError::InvalidKey)?;
        Ok(Self(LessSafeKey::new(key)))
    }

    fn open(&self, sealed: &str) -> Result<SecretString, ForeignError> {
        let bytes = STANDARD.decode(sealed).map_err(|_| ForeignError::Sealed("it is not base64"))?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN).ok_or(ForeignError::Sealed("it is too short"))?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| ForeignError::Sealed("it is too short"))?;
        let mut text = Zeroizing::new(sealed.to_vec());
        let opened = self.0.open_in_place(nonce, Aad::empty(), &mut text);
        let opened =
            opened.map_err(|_opaque| ForeignError::Sealed("the key is another one, or the value is damaged"))?;
        str::from_utf8(opened).map(SecretString::from).map_err(|_| ForeignError::Sealed("it is not text"))
    }
}

/// Converts a row to an account; `None` if goclaw does not support its name or type, or if it has no usable secret.
///
/// # Errors
/// [`ForeignError::Sealed`] if a secret cannot be decrypted.
pub fn convert(
    row: &GoServiceRow,
    key: Option<&GoServiceKey>,
    now: Timestamp,
) -> Result<Option<PlaintextAccount>, ForeignError> {
    // `None` for the tokens of an OAuth login, which are not pasted.
    let pasted = match row.provider_type.as_str() {
        "chatgpt_oauth" | "openai-codex" => None,
        "suno" => Some((ProviderType::Suno, AuthMethod::SessionToken)),
        "dashscope" => Some((ProviderType::Dashscope, AuthMethod::ApiKey)),
        _other => return Ok(None),
    };
    let Ok(name) = AccountName::parse(canonical(&row.name)) else { return Ok(None) };
    let decrypt = |secret: &SecretString| match (secret.expose_secret().strip_prefix(SEALED_PREFIX), key) {
        (None, _) => Ok(secret.clone()),
        (Some(sealed), Some(key)) => key.open(sealed),
        (Some(_), None) => Err(ForeignError::Sealed("it needs the service's key: --key-file")),
    };
    let api_key = row.api_key.as_ref().map(decrypt).transpose()?.filter(|text| !text.expose_secret().is_empty());
    let Some(token) = api_key else { return Ok(None) };
    let display_name = row.display_name.as_deref().and_then(|text| DisplayName::parse(text).ok());
    let display_name = display_name.map(DisplayName::into_string);
    let token = AccessToken::new(token.expose_secret());
    let Some((provider_type, auth_method)) = pasted else {
        let refresh_token = row.refresh_token.as_ref().map(decrypt).transpose()?;
        let refresh_token = refresh_token.map(|token| RefreshToken::new(token.expose_secret()));
        let account = oauth_account(name, token, refresh_token, None, now);
        return Ok(Some(PlaintextAccount { display_name, enabled: row.enabled, ..account }));
    };
    let metadata = pasted_metadata(provider_type, auth_method, Some(&token), false, now);
    let Ok(metadata) = metadata else { return Ok(None) };
    let enabled = row.enabled;
    Ok(Some(PlaintextAccount {
        name,
        provider_type,
        display_name,
        enabled,
        access_token: token,
        refresh_token: None,
        metadata,
    }))
}
