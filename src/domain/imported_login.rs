//! The id of an imported login. Every import of one archive gives a login the same id, so that a repeated import is
//! recognised: the tokens in the archive may be spent by then.

use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

use super::ids::{AccountName, LoginId};

const LABEL: &str = "goclaw imported login";

impl LoginId {
    /// Returns the id of a login that was exported at `exported_at` with this secret. The time distinguishes two
    /// exports of the same tokens, after an account moved away and back.
    pub fn of_import(name: &AccountName, exported_at: i64, secret: &impl ExposeSecret<str>) -> Self {
        let (mut hash, time) = (Sha256::new(), exported_at.to_string());
        for part in [LABEL, name.as_str(), time.as_str(), secret.expose_secret()] {
            hash.update(part.len().to_be_bytes());
            hash.update(part);
        }
        let digest: [u8; 32] = hash.finalize().into();
        Self::from_bytes(digest.first_chunk().copied().unwrap_or_default())
    }
}
