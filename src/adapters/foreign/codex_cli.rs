//! Reads the tokens in `auth.json` of the Codex CLI.

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::{ForeignError, oauth_account};
use crate::{
    app::PlaintextAccount,
    domain::{
        ids::AccountName,
        oauth_client::OAuthClient,
        secret::{AccessToken, IdToken, RefreshToken},
        time::Timestamp,
    },
};

#[derive(Deserialize)]
struct AuthFile {
    tokens: Option<Tokens>,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: Option<SecretString>,
    access_token: SecretString,
    refresh_token: SecretString,
    /// The OAuth client that the login belongs to. Earlier versions did not store it.
    oauth_provenance: Option<Provenance>,
}

#[derive(Deserialize)]
struct Provenance {
    issuer: Option<String>,
    client_id: Option<String>,
}

/// Reads the tokens of a login with ChatGPT. Ignores an API key in the file. The tokens must belong to `client`,
/// because they are sent to its server.
///
/// # Errors
/// [`ForeignError::NotCodex`].
pub fn read(
    text: &SecretString,
    name: AccountName,
    client: &OAuthClient,
    now: Timestamp,
) -> Result<PlaintextAccount, ForeignError> {
    let file = serde_json::from_str::<AuthFile>(text.expose_secret().trim_start_matches('\u{feff}'));
    // serde's message may quote a token.
    let file = file.map_err(|_quotes_the_file| ForeignError::NotCodex("it is not an auth.json of the Codex CLI"))?;
    let tokens = file.tokens.ok_or(ForeignError::NotCodex("it has no tokens"))?;
    let (access, refresh) = (tokens.access_token.expose_secret(), tokens.refresh_token.expose_secret());
    if access.is_empty() || refresh.is_empty() {
        return Err(ForeignError::NotCodex("its tokens are empty"));
    }
    let is_own = |from: &Provenance| {
        let issuer = client.issuer.trim_end_matches('/');
        from.issuer.as_ref().is_none_or(|from| from.trim_end_matches('/') == issuer)
            && from.client_id.as_ref().is_none_or(|from| *from == client.client_id)
    };
    if !tokens.oauth_provenance.as_ref().is_none_or(is_own) {
        return Err(ForeignError::NotCodex("its tokens are from another issuer, or belong to another OAuth client"));
    }
    let id_token = tokens.id_token.map(|token| IdToken::new(token.expose_secret()));
    Ok(oauth_account(name, AccessToken::new(access), Some(RefreshToken::new(refresh)), id_token, now))
}
