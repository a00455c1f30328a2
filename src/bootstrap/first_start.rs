//! Reads the encryption keys and the gateway token. The first start creates them, unless they are configured.

use std::{fs, path::Path};

use secrecy::SecretString;

use super::StartError;
use crate::{
    adapters::{
        cipher::{EncryptionKey, KeyRing, KeySource},
        data_folder,
        secret_file::{ManagedBy, create_secret_file, read_secret_file},
        settings::Settings,
    },
    domain::gateway_token,
    ports::Random,
};

/// The token journal's folder in the data folder. Earlier versions called the journal `escrow`.
pub(super) const JOURNAL_FOLDER: &str = "escrow";
/// In the data folder: the digest of the replaced gateway token, and its expiry in Unix seconds.
pub(super) const PREVIOUS_TOKEN_FILE: &str = "gateway.token.previous";
/// In the data folder: the configuration file of a restored backup.
pub(super) const RESTORED_SETTINGS_FILE: &str = "restored-settings";

/// In the data folder: an empty file while the gateway uses a key that is not in its own file. Commands on this machine
/// may not see how the key is configured: only the service has the credentials of its unit.
const KEY_IS_CONFIGURED_FILE: &str = "encryption.key.is-configured";

/// Returns whether the keys are configured, for this command or for the gateway that started last.
pub(super) fn is_key_configured(settings: &Settings) -> bool {
    settings.encryption.is_configured() || settings.data_dir.join(KEY_IS_CONFIGURED_FILE).exists()
}

/// Records for commands whether the keys of the gateway that starts are configured. Only logs a failure.
pub(super) fn note_key_configuration(settings: &Settings) {
    let path = settings.data_dir.join(KEY_IS_CONFIGURED_FILE);
    let noted = match (settings.encryption.is_configured(), path.exists()) {
        (true, false) => fs::write(&path, ""),
        (false, true) => fs::remove_file(&path),
        (true, true) | (false, false) => Ok(()),
    };
    if let Err(error) = noted {
        tracing::warn!(path = %path.display(), error = %error, "goclaw keys rotate may not know how the key is configured");
    }
}

/// Checks that no other user can have put files into the data folder.
pub(super) fn check_data_folder(settings: &Settings) -> Result<(), StartError> {
    // Files that the owner has configured are checked when they are read.
    let token = settings.server.token_file.is_none().then_some("gateway.token");
    let key = settings.encryption.key_file.is_none().then_some("encryption.key");
    let secrets: Vec<&str> =
        token.into_iter().chain(key).chain([PREVIOUS_TOKEN_FILE, KEY_IS_CONFIGURED_FILE]).collect();
    let databases = ["goclaw.db", "goclaw.responses.db"];
    let databases =
        databases.iter().flat_map(|name| ["", "-wal", "-shm", "-journal"].map(|suffix| format!("{name}{suffix}")));
    let files: Vec<String> = databases.chain([JOURNAL_FOLDER, RESTORED_SETTINGS_FILE].map(str::to_owned)).collect();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    Ok(data_folder::check_data_folder(&settings.data_dir, &secrets, &files)?)
}

/// Returns the configured encryption keys, or those in the key file; None if there is no key yet.
pub(super) fn existing_keys(settings: &Settings) -> Result<Option<KeyRing>, StartError> {
    let (encryption, path) = (&settings.encryption, settings.key_file());
    let parse = |text: &SecretString, place: String| {
        KeyRing::parse(text).map(Some).map_err(|source| StartError::InvalidKey { place, source })
    };
    for (keys, setting) in [(&encryption.key, "encryption.key"), (&encryption.keys, "encryption.keys")] {
        if let Some(keys) = keys {
            return parse(keys, format!("the setting {setting}"));
        }
    }
    match read_secret_file(&path, key_file_manager(settings))? {
        Some(text) => parse(&text, path.display().to_string()),
        None if encryption.key_file.is_some() => Err(StartError::ConfiguredFileMissing(path)),
        None => Ok(None),
    }
}

/// Returns who manages the key file: the owner, if it is configured.
pub(super) fn key_file_manager(settings: &Settings) -> ManagedBy {
    if settings.encryption.key_file.is_some() { ManagedBy::Owner } else { ManagedBy::Gateway }
}

/// Returns who manages the token file: the owner, if it is configured.
pub(super) fn token_file_manager(settings: &Settings) -> ManagedBy {
    if settings.server.token_file.is_some() { ManagedBy::Owner } else { ManagedBy::Gateway }
}

/// Returns a function that rereads the keys while the gateway runs. Only keys in a file can change.
pub(super) fn key_source(settings: &Settings) -> KeySource {
    let is_in_file = settings.encryption.key.is_none() && settings.encryption.keys.is_none();
    let (path, managed_by) = (settings.key_file(), key_file_manager(settings));
    Box::new(move || {
        let text = if is_in_file { read_secret_file(&path, managed_by).ok().flatten()? } else { return None };
        KeyRing::parse(&text).ok()
    })
}

/// Returns the existing encryption keys, or creates the first one. `database` is the store's name for errors.
///
/// # Errors
/// [`StartError::KeyLost`] if there is no key, but the database has sealed values, which a new key cannot open.
pub(super) fn encryption_keys(
    settings: &Settings,
    random: &dyn Random,
    database: &str,
    has_sealed_values: bool,
) -> Result<KeyRing, StartError> {
    if let Some(keys) = existing_keys(settings)? {
        return Ok(keys);
    }
    let path = settings.key_file();
    if has_sealed_values {
        return Err(StartError::KeyLost { key: path, database: database.to_owned() });
    }
    create_secret_file(&path, &EncryptionKey::generate(random)?.to_text())?;
    tracing::info!(path = %path.display(), "encryption key created; keep a copy: without it the stored credentials are lost");
    // Read the file, because another process may have created it first.
    existing_keys(settings)?.ok_or(StartError::ConfiguredFileMissing(path))
}

/// Returns the gateway token: the configured one, the one in the token file, or a new one.
///
/// # Errors
/// `WeakToken`, `UnsendableToken`, `ConfiguredFileMissing`, `SecretFile` and `Random` of [`StartError`].
pub(super) fn gateway_token(settings: &Settings, random: &dyn Random) -> Result<SecretString, StartError> {
    let path = settings.token_file();
    let (token, place) = match &settings.server.token {
        Some(token) => (token.clone(), "the setting server.token".to_owned()),
        None => (read_or_create_token(&path, token_file_manager(settings), random)?, path.display().to_string()),
    };
    check_form(token, place)
}

/// Checks the token that [`gateway_token`] would return, without creating one.
pub(super) fn check_token(settings: &Settings) -> Result<(), StartError> {
    let (path, managed_by) = (settings.token_file(), token_file_manager(settings));
    let (token, place) = match &settings.server.token {
        Some(token) => (Some(token.clone()), "the setting server.token".to_owned()),
        None => (read_secret_file(&path, managed_by)?, path.display().to_string()),
    };
    match token {
        Some(token) => check_form(token, place).map(drop),
        None if managed_by == ManagedBy::Owner => Err(StartError::ConfiguredFileMissing(path)),
        None => Ok(()),
    }
}

fn check_form(token: SecretString, place: String) -> Result<SecretString, StartError> {
    if !gateway_token::is_sendable(&token) {
        return Err(StartError::UnsendableToken { place });
    }
    if gateway_token::is_long_enough(&token) { Ok(token) } else { Err(StartError::WeakToken { place }) }
}

fn read_or_create_token(path: &Path, managed_by: ManagedBy, random: &dyn Random) -> Result<SecretString, StartError> {
    if managed_by == ManagedBy::Gateway && read_secret_file(path, managed_by)?.is_none() {
        let mut bytes = [0; 32];
        random.fill(&mut bytes)?;
        create_secret_file(path, &gateway_token::generate(&bytes))?;
        tracing::info!(path = %path.display(), "gateway token created; callers must send it");
    }
    read_secret_file(path, managed_by)?.ok_or_else(|| StartError::ConfiguredFileMissing(path.to_owned()))
}
