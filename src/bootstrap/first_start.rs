//! What the embedded default makes for itself on its first start: the data folder, the key, the gateway's token.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::SecretString;

use super::StartError;
use crate::{
    adapters::{
        cipher::EncryptionKey,
        secret_file::{create_secret_file, read_secret_file},
        settings::Settings,
    },
    ports::Random,
};

/// Random bytes behind the gateway's token.
const TOKEN_BYTES: usize = 32;

/// The key that seals the store, called `database` in messages. `sealed_rows`: whether there is anything that a new key
/// could not open.
pub(super) fn encryption_key(
    settings: &Settings,
    random: &dyn Random,
    database: &str,
    sealed_rows: bool,
) -> Result<EncryptionKey, StartError> {
    let encryption = &settings.encryption;
    let path = &settings.key_file();
    let parse = |text: &SecretString, place: String| {
        EncryptionKey::parse(text).map_err(|source| StartError::InvalidKey { place, source })
    };
    if let Some(key) = &encryption.key {
        return parse(key, "the setting encryption.key".to_owned());
    }
    if let Some(text) = read_secret_file(path)? {
        return parse(&text, path.display().to_string());
    }
    if encryption.key_file.is_some() {
        return Err(StartError::ConfiguredFileMissing(path.clone()));
    }
    if sealed_rows {
        return Err(StartError::KeyLost { key: path.clone(), database: database.to_owned() });
    }
    create_secret_file(path, &EncryptionKey::generate(random)?.to_text())?;
    tracing::info!(path = %path.display(), "encryption key made; keep a copy: without it the stored credentials are lost");
    // Read back: another gateway may have been faster.
    match read_secret_file(path)? {
        Some(text) => parse(&text, path.display().to_string()),
        None => Err(StartError::ConfiguredFileMissing(path.clone())),
    }
}

/// The token that callers present.
pub(super) fn gateway_token(settings: &Settings, random: &dyn Random) -> Result<SecretString, StartError> {
    if let Some(token) = &settings.server.token {
        return Ok(token.clone());
    }
    let path = settings.token_file();
    if settings.server.token_file.is_none() && read_secret_file(&path)?.is_none() {
        let mut bytes = [0; TOKEN_BYTES];
        random.fill(&mut bytes)?;
        create_secret_file(&path, &SecretString::from(URL_SAFE_NO_PAD.encode(bytes)))?;
        tracing::info!(path = %path.display(), "gateway token made; callers present it");
    }
    read_secret_file(&path)?.ok_or(StartError::ConfiguredFileMissing(path))
}
