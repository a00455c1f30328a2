//! The keys of a gateway: the first one seals, all of them open.

use secrecy::{ExposeSecret, SecretString};

use super::{EncryptionKey, InvalidKey};

/// One key or more, so that a key can be replaced while secrets of the old one remain.
pub struct KeyRing {
    first: EncryptionKey,
    others: Vec<EncryptionKey>,
}

impl KeyRing {
    /// Parses a key a line, as in a key file; empty lines are skipped.
    ///
    /// # Errors
    /// [`InvalidKey`] if a line is not a key, or if there is none.
    pub fn parse(text: &SecretString) -> Result<Self, InvalidKey> {
        let lines = text.expose_secret().lines().map(str::trim).filter(|line| !line.is_empty());
        Self::of(lines.map(SecretString::from).collect::<Vec<_>>().iter())
    }

    /// Parses keys in order.
    ///
    /// # Errors
    /// [`InvalidKey`] if one is not a key, or if there is none.
    pub fn of<'t>(texts: impl Iterator<Item = &'t SecretString>) -> Result<Self, InvalidKey> {
        let mut keys = texts.map(EncryptionKey::parse).collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() {
            return Err(InvalidKey);
        }
        let first = keys.remove(0);
        Ok(Self { first, others: keys })
    }

    /// Returns the text of a key file with `first` before the keys of `others`.
    pub fn lines(first: &EncryptionKey, others: &SecretString) -> SecretString {
        format!("{}\n{}", first.to_text().expose_secret(), others.expose_secret()).into()
    }

    /// Returns the text of a key file with all keys.
    pub fn to_text(&self) -> SecretString {
        let lines: Vec<SecretString> = self.keys().map(EncryptionKey::to_text).collect();
        let lines: Vec<&str> = lines.iter().map(ExposeSecret::expose_secret).collect();
        lines.join("\n").into()
    }

    /// Returns the text of a key file with the keys of `self`, then those of `others` that are not among them; None if
    /// `self` has them all.
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
