//! The encryption keys of a gateway: the first key seals, every key opens.

use secrecy::{ExposeSecret, SecretString};

use super::{EncryptionKey, InvalidKey};

/// One or more keys. After a key is replaced, the old key stays in the ring until no secret is sealed with it.
pub struct KeyRing {
    first: EncryptionKey,
    others: Vec<EncryptionKey>,
}

impl KeyRing {
    /// Parses the text of a key file: one key per line. Skips empty lines.
    ///
    /// # Errors
    /// [`InvalidKey`] if a line is not a key, or if there is no key.
    pub fn parse(text: &SecretString) -> Result<Self, InvalidKey> {
        let lines = text.expose_secret().lines().map(str::trim).filter(|line| !line.is_empty());
        Self::of(lines.map(SecretString::from).collect::<Vec<_>>().iter())
    }

    /// Parses keys. The first text becomes the key that seals.
    ///
    /// # Errors
    /// [`InvalidKey`] if a text is not a key, or if there is no text.
    pub fn of<'t>(texts: impl Iterator<Item = &'t SecretString>) -> Result<Self, InvalidKey> {
        let mut keys = texts.map(EncryptionKey::parse).collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() {
            return Err(InvalidKey);
        }
        let first = keys.remove(0);
        Ok(Self { first, others: keys })
    }

    /// Returns the text of a key file: `first`, then the lines of `others`.
    pub fn key_file_text(first: &EncryptionKey, others: &SecretString) -> SecretString {
        format!("{}\n{}", first.to_text().expose_secret(), others.expose_secret()).into()
    }

    /// Returns the text of a key file with all keys.
    pub fn to_text(&self) -> SecretString {
        let lines: Vec<SecretString> = self.keys().map(EncryptionKey::to_text).collect();
        let lines: Vec<&str> = lines.iter().map(ExposeSecret::expose_secret).collect();
        lines.join("\n").into()
    }

    /// Returns the text of a key file with all keys of `self` and `others`; `None` if `self` lacks none of `others`.
    pub fn joined_with(&self, others: &Self) -> Option<SecretString> {
        let is_missing = |key: &&EncryptionKey| !self.keys().any(|own| own.id() == key.id());
        let missing: Vec<SecretString> = others.keys().filter(is_missing).map(EncryptionKey::to_text).collect();
        let join = |text: SecretString, line: &SecretString| {
            SecretString::from(format!("{}\n{}", text.expose_secret(), line.expose_secret()))
        };
        (!missing.is_empty()).then(|| missing.iter().fold(self.to_text(), join))
    }

    /// Returns the key that seals.
    pub fn first(&self) -> &EncryptionKey {
        &self.first
    }

    pub fn keys(&self) -> impl Iterator<Item = &EncryptionKey> {
        [&self.first].into_iter().chain(&self.others)
    }
}

impl From<EncryptionKey> for KeyRing {
    fn from(first: EncryptionKey) -> Self {
        Self { first, others: Vec::new() }
    }
}
