//! Mocks of four ports, for tests that count calls. Tests of behaviour use the fakes.

use std::time::Duration;

use async_trait::async_trait;
use goclaw::{
    domain::{
        credential::{NewSealedCredential, SealedCredential},
        history::CredentialEvent,
        ids::AccountName,
        oauth_client::OAuthClient,
        refresh::{RefreshEvent, RefreshPolicy},
        revocation::RevocationOrder,
        secret::RefreshToken,
        time::Timestamp,
        token_response::{CodeGrant, TokenResponse},
    },
    ports::{
        Advanced, Author, BindError, BoundCallback, CallbackAddress, CallbackListener, Clock, MoveRequest,
        OAuthEndpoint, ProfileChange, Removal, SaveOutcome, StoreError, StoredAccounts, StoredFeedback,
        TokenEndpointError, TokenStore,
    },
};
use mockall::mock;

mock! {
    pub(crate) OAuthEndpoint {}

    #[async_trait]
    impl OAuthEndpoint for OAuthEndpoint {
        async fn exchange_code(
            &self,
            account: &AccountName,
            client: &OAuthClient,
            grant: CodeGrant,
        ) -> Result<TokenResponse, TokenEndpointError>;
        async fn refresh(
            &self,
            account: &AccountName,
            client: &OAuthClient,
            token: &RefreshToken,
            limit: Duration,
        ) -> Result<TokenResponse, TokenEndpointError>;
        async fn revoke(
            &self,
            account: &AccountName,
            client: &OAuthClient,
            token: &RefreshToken,
        ) -> Result<(), TokenEndpointError>;
    }
}

mock! {
    pub(crate) CallbackListener {}

    #[async_trait]
    impl CallbackListener for CallbackListener {
        async fn bind(&self, address: &CallbackAddress) -> Result<Box<dyn BoundCallback>, BindError>;
    }
}

mock! {
    pub(crate) Clock {}

    #[async_trait]
    impl Clock for Clock {
        fn now(&self) -> Timestamp;
        fn since_boot(&self) -> Duration;
        async fn sleep(&self, duration: Duration);
    }
}

mock! {
    pub(crate) TokenStore {}

    #[async_trait]
    impl TokenStore for TokenStore {
        async fn load(&self, name: &AccountName) -> Result<Option<SealedCredential>, StoreError>;
        async fn list(&self) -> Result<StoredAccounts, StoreError>;
        async fn save_login(&self, new: &NewSealedCredential, author: &Author) -> Result<SaveOutcome, StoreError>;
        async fn change_profile(
            &self,
            name: &AccountName,
            change: &ProfileChange,
            author: &Author,
        ) -> Result<Option<SealedCredential>, StoreError>;
        async fn advance(
            &self,
            name: &AccountName,
            event: &RefreshEvent,
            policy: &RefreshPolicy,
            now: Timestamp,
        ) -> Result<Advanced, StoreError>;
        async fn remove<'a>(
            &self,
            name: &AccountName,
            revocation: Option<&'a RevocationOrder>,
            author: &Author,
        ) -> Result<Removal, StoreError>;
        async fn move_away(&self, order: &MoveRequest, author: &Author) -> Result<bool, StoreError>;
        async fn feedback(&self) -> Result<Vec<StoredFeedback>, StoreError>;
        async fn put_feedback(
            &self,
            new: &StoredFeedback,
            now: Timestamp,
        ) -> Result<Option<CredentialEvent>, StoreError>;
    }
}
