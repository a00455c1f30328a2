//! Creates, lists, rotates and revokes the API tokens of programs.

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use super::{Access, KnownToken};
use crate::{
    app::{AppError, random_bytes},
    domain::{
        api_token::{ApiToken, ApiTokenId, ENTROPY, NewToken},
        ids::DisplayName,
        scope::Scopes,
        secret::ApiTokenSecret,
        time::Timestamp,
    },
    ports::TokenStored,
};

/// Maximum number of program tokens. The same limit applies to links and page sessions together.
const MAX_TOKENS: usize = 1_000;
/// Minimum length of an id prefix that is accepted in place of the id.
const MIN_ID_PREFIX: usize = 6;

/// Maximum time for which a rotated token's old secret stays valid.
pub const LONGEST_OVERLAP: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A rotated token with its new secret. The old secret expires at `old_until`.
#[derive(Debug)]
pub struct RotatedToken {
    pub issued: IssuedToken,
    pub old_until: Timestamp,
}

/// A program's token. After a rotation, `old` is the replaced token until it expires.
#[derive(Debug, Clone)]
pub struct ProgramToken {
    pub token: ApiToken,
    pub old: Option<ApiToken>,
}

/// A new token with its secret. Only a digest of the secret is stored, so it cannot be shown again.
#[derive(Debug)]
pub struct IssuedToken {
    pub token: ApiToken,
    pub secret: ApiTokenSecret,
}

impl Access {
    /// Creates a token for a program. A token without `lifetime` is valid until it is revoked.
    ///
    /// # Errors
    /// [`AppError::InvalidDisplayName`], [`AppError::InvalidScope`], [`AppError::TokenNameTaken`],
    /// [`AppError::TooManyTokens`], [`AppError::CallerRevoked`], [`AppError::Store`].
    #[tracing::instrument(name = "access.create_token", skip_all)]
    pub async fn create_token(
        self: &Arc<Self>,
        name: String,
        scope: Option<&str>,
        lifetime: Option<Duration>,
    ) -> Result<IssuedToken, AppError> {
        let scopes = scope.map_or_else(|| Ok(Scopes::default()), Scopes::parse)?;
        self.issue(NewToken::program(DisplayName::parse(&name)?, scopes, lifetime)).await
    }

    pub(super) async fn issue(self: &Arc<Self>, new: NewToken) -> Result<IssuedToken, AppError> {
        self.tasks.run(Arc::clone(self).store_new(new, None)).await
    }

    /// Stores a new token. If it is the session of a link, deletes the `link`.
    pub(super) async fn store_new(
        self: Arc<Self>,
        new: NewToken,
        link: Option<ApiTokenId>,
    ) -> Result<IssuedToken, AppError> {
        let _guard = self.issuing.lock().await;
        self.store.remove_expired(self.now()).await?;
        let is_page_token = new.grant.is_page_token();
        let same_kind =
            self.load_tokens().await?.into_iter().filter(|token| token.grant.is_page_token() == is_page_token);
        let same_kind = same_kind.filter(|token| !token.is_replaced() && Some(&token.id) != link.as_ref());
        if same_kind.count() >= MAX_TOKENS {
            return Err(AppError::TooManyTokens(MAX_TOKENS));
        }
        let (id, entropy) = (random_bytes(self.random.as_ref())?, random_bytes::<ENTROPY>(self.random.as_ref())?);
        let (token, secret) = ApiToken::issue(ApiTokenId::from_bytes(id), new, &entropy, self.now());
        let sealed = self.add_mark(&token)?;
        // Delete the link only after everything else that may fail, so that a failed call can be repeated with it.
        if let Some(link) = &link
            && !self.store.remove(link, &self.author()).await?
        {
            return Err(AppError::LinkUsed);
        }
        match self.store.put(&sealed, &self.author()).await? {
            TokenStored::Stored => {}
            TokenStored::ParentGone => return Err(AppError::CallerRevoked),
            TokenStored::NameTaken => return Err(AppError::TokenNameTaken(token.name.into_string())),
        }
        self.reload_after_commit().await;
        tracing::info!(token.id = token.id.as_str(), scope = token.grant.as_stored(), "token created");
        Ok(IssuedToken { token, secret })
    }

    /// Returns the tokens of programs, oldest first.
    #[tracing::instrument(name = "access.list_tokens", skip_all)]
    pub async fn list_tokens(&self) -> Result<Vec<ProgramToken>, AppError> {
        let of_programs = self.load_tokens().await?.into_iter().filter(|token| !token.grant.is_page_token());
        let (old, tokens): (Vec<_>, Vec<_>) = of_programs.partition(ApiToken::is_replaced);
        let now = self.now();
        let old_of =
            |token: &ApiToken| old.iter().find(|old| *old.holder_id() == token.id && old.is_unexpired(now)).cloned();
        Ok(tokens.into_iter().map(|token| ProgramToken { old: old_of(&token), token }).collect())
    }

    /// Gives a program's token a new secret. The old secret stays valid for `overlap`, but never longer than the token.
    /// A still valid secret from an earlier rotation ends now.
    ///
    /// # Errors
    /// [`AppError::UnknownToken`], also if a concurrent call rotated the token; [`AppError::AmbiguousToken`],
    /// [`AppError::TokenExpired`].
    #[tracing::instrument(name = "access.rotate_token", skip_all)]
    pub async fn rotate_token(self: &Arc<Self>, id_or_name: &str, overlap: Duration) -> Result<RotatedToken, AppError> {
        let token = self.resolve(id_or_name).await?;
        if !token.is_unexpired(self.now()) {
            return Err(AppError::TokenExpired(token.name.into_string()));
        }
        let access = Arc::clone(self);
        let rotate = async move {
            let (id, entropy) = (random_bytes(access.random.as_ref())?, random_bytes(access.random.as_ref())?);
            let until = access.now().plus(overlap.min(LONGEST_OVERLAP));
            let (new, old, secret) = token.rotated(ApiTokenId::from_bytes(id), until, &entropy);
            let [sealed, sealed_old] = [access.add_mark(&new)?, access.add_mark(&old)?];
            if !access.store.rotate(&sealed, &sealed_old, &access.author()).await? {
                return Err(AppError::UnknownToken);
            }
            access.reload_after_commit().await;
            tracing::info!(token.id = new.id.as_str(), "token rotated");
            let old_until = old.expires_at.unwrap_or(until);
            Ok(RotatedToken { issued: IssuedToken { token: new, secret }, old_until })
        };
        self.tasks.run(rotate).await
    }

    /// Revokes a program's token and ends its running streams. Accepts the token's id, its name, or six or more leading
    /// digits of its id.
    ///
    /// # Errors
    /// [`AppError::UnknownToken`], [`AppError::AmbiguousToken`].
    #[tracing::instrument(name = "access.revoke_token", skip_all)]
    pub async fn revoke_token(self: &Arc<Self>, id_or_name: &str) -> Result<(), AppError> {
        let (access, id) = (Arc::clone(self), self.resolve(id_or_name).await?.id);
        let revoke = async move {
            if !access.store.remove(&id, &access.author()).await? {
                return Err(AppError::UnknownToken);
            }
            access.forget(|token| token.id == id).await;
            access.reload_after_commit().await;
            tracing::info!(token.id = id.as_str(), "token revoked");
            Ok(())
        };
        self.tasks.run(revoke).await
    }

    /// Finds a program's token by its id, else by its name, else by a prefix of its id.
    async fn resolve(&self, id_or_name: &str) -> Result<ApiToken, AppError> {
        let tokens = self.list_tokens().await?;
        let tokens_where = |matches: &dyn Fn(&ApiToken) -> bool| {
            let tokens = tokens.iter().map(|program| &program.token);
            tokens.filter(|token| matches(token)).cloned().collect::<Vec<_>>()
        };
        let by_id = tokens_where(&|token| token.id.as_str() == id_or_name);
        let by_name = tokens_where(&|token| token.name.as_str() == id_or_name);
        let is_prefix = id_or_name.len() >= MIN_ID_PREFIX;
        let by_id_prefix = tokens_where(&|token| is_prefix && token.id.as_str().starts_with(id_or_name));
        match [by_id, by_name, by_id_prefix].into_iter().find(|found| !found.is_empty()).as_deref() {
            None | Some([]) => Err(AppError::UnknownToken),
            Some([token]) => Ok(token.clone()),
            Some(several) => Err(AppError::AmbiguousToken(several.len())),
        }
    }

    /// Records in the background that a program's token was used, at most once an hour for each token.
    pub fn note_use(self: &Arc<Self>, known: &KnownToken) {
        let (now, id) = (self.now(), known.token.id.clone());
        if known.token.grant.is_page_token() || !known.token.should_record_use(now) {
            return;
        }
        let mut recording = self.recording.lock().unwrap_or_else(PoisonError::into_inner);
        if !recording.insert(id.clone()) {
            return;
        }
        let access = Arc::clone(self);
        self.tasks.start(async move {
            let noted = async {
                access.store.note_use(&id, now).await?;
                access.reload().await
            };
            if let Err(error) = noted.await {
                tracing::warn!(token.id = id.as_str(), error = %error, "the use of a token could not be noted");
            }
            access.recording.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        });
    }
}
