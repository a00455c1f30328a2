//! The methods of a running simulator for Rust tests. The control API offers the same over HTTP.

use crate::{
    auth::{self, ApprovalRefused},
    cancellations::Cancellations,
    faults::FaultOrder,
    journal::{FamilyLedger, JournalEntry},
    presentations::{Presentation, PresentationTotals},
    provider::{self, BrowserLedger, CookieRotation, KeysError, SignedInBrowser, SigningKey, TokenStatus},
    scripts::ScriptOrder,
    settings::{Approval, Settings},
    simulator::{Simulator, StartError},
    site::Site,
    steps::{Release, Step, StopOrder, StoppedRequest},
    streams::StreamCounts,
};

impl Simulator {
    /// Sets the outcome of valid authorization requests.
    pub fn set_approval(&self, approval: Approval) {
        self.provider.state().settings.approval = approval;
    }

    /// Queues a fault behind those already queued.
    pub fn queue_fault(&self, order: FaultOrder) {
        self.provider.state().faults.push(order);
    }

    /// Removes all queued faults.
    pub fn clear_faults(&self) {
        self.provider.state().faults.clear();
    }

    /// Returns the queued faults.
    #[must_use]
    pub fn faults(&self) -> Vec<FaultOrder> {
        self.provider.state().faults.waiting()
    }

    /// Queues a script for the backend's next responses.
    pub fn queue_script(&self, order: ScriptOrder) {
        self.provider.state().scripts.push(order);
    }

    /// Removes all queued scripts.
    pub fn clear_scripts(&self) {
        self.provider.state().scripts.clear();
    }

    /// Returns the queued scripts.
    #[must_use]
    pub fn scripts(&self) -> Vec<ScriptOrder> {
        self.provider.state().scripts.waiting()
    }

    /// Returns the current settings.
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.provider.state().settings.clone()
    }

    /// Changes the settings. Issued tokens keep their lifetime.
    pub fn update_settings(&self, change: impl FnOnce(&mut Settings)) {
        let mut settings = self.settings();
        change(&mut settings);
        self.provider.state().settings = settings;
    }

    /// Returns all requests in order of arrival. The control API's own requests are not recorded.
    #[must_use]
    pub fn journal(&self) -> Vec<JournalEntry> {
        self.provider.state().journal.entries()
    }

    /// Returns the ledger of each token family, oldest first.
    #[must_use]
    pub fn ledger(&self) -> Vec<FamilyLedger> {
        self.provider.state().families.ledger()
    }

    /// Returns every issued code, token and cookie in clear text.
    #[must_use]
    pub fn issued_secrets(&self) -> Vec<String> {
        self.provider.state().issued.all()
    }

    /// Returns the current status of a token.
    #[must_use]
    pub fn token_status(&self, token: &str) -> TokenStatus {
        let state = self.provider.state();
        state.families.status(token, state.now())
    }

    /// Ends every session at the provider, as a password change or an administrator does.
    pub fn revoke_all(&self) {
        self.provider.state().families.revoke_all();
    }

    /// Resets everything but the keys to the state at the start. An outage ends too, but possibly after this returns;
    /// [`Simulator::bring_back`] waits for it.
    pub fn reset(&self) {
        self.provider.reset();
        self.outages.end();
    }

    /// Approves an authorization request as this account (an index in the settings) without a browser. Returns the
    /// callback URL to request, so that a test can run many logins at once.
    ///
    /// # Errors
    /// Fails if the provider would refuse the request, or the account does not exist.
    pub fn approve(&self, authorize_url: &str, account: usize) -> Result<String, ApprovalRefused> {
        auth::approve(&self.provider, authorize_url, account)
    }

    /// Returns every presentation of a refresh token, in order.
    #[must_use]
    pub fn presentations(&self) -> Vec<Presentation> {
        self.provider.state().presentations.all()
    }

    /// Returns the totals of all presentations.
    #[must_use]
    pub fn presentation_totals(&self) -> PresentationTotals {
        self.provider.presentation_totals()
    }

    /// Queues a stop of a refresh request at a step.
    pub fn stop_at(&self, order: StopOrder) {
        self.provider.steps.queue(order);
    }

    /// Waits until this many requests have been stopped at a step since the last [`Simulator::clear_stops`].
    pub async fn reached(&self, step: Step, count: usize) {
        self.provider.steps.reached(step, count).await;
    }

    /// Releases the requests held at a step, or at every step.
    pub fn release(&self, step: Option<Step>, release: Release) {
        self.provider.steps.release(step, release);
    }

    /// Returns the stopped requests.
    #[must_use]
    pub fn stopped(&self) -> Vec<StoppedRequest> {
        self.provider.steps.stopped()
    }

    /// Removes the queued stops, closes held requests and clears the list of stopped requests.
    pub fn clear_stops(&self) {
        self.provider.steps.clear();
    }

    /// Starts an outage of an origin: open connections end and new ones are refused. Returns when it has taken effect.
    pub async fn take_down(&self, site: Site) {
        self.outages.set(site, true).await;
    }

    /// Ends an outage. Returns when connections are accepted again.
    pub async fn bring_back(&self, site: Site) {
        self.outages.set(site, false).await;
    }

    /// Returns the number of requests cancelled by their clients.
    #[must_use]
    pub fn cancellations(&self) -> Cancellations {
        self.provider.state().journal.cancellations()
    }

    /// Returns the stream counts of the backend and DashScope.
    #[must_use]
    pub fn streams(&self) -> StreamCounts {
        self.provider.state().streams
    }

    /// Signs an account (an index in the settings) in at the session provider. Returns `None` if it does not exist.
    #[must_use]
    pub fn sign_in_browser(&self, account: usize) -> Option<SignedInBrowser> {
        provider::sign_in_browser(&self.provider, account)
    }

    /// Revokes the cookie of a session. Its tokens stay valid until they expire. Returns false if the session does not
    /// exist.
    pub fn revoke_browser(&self, session_id: &str) -> bool {
        self.provider.state().browsers.revoke(session_id)
    }

    /// Sets when a browser's cookie is replaced. Returns false if the session does not exist.
    pub fn set_cookie_rotation(&self, session_id: &str, rotation: CookieRotation) -> bool {
        self.provider.state().browsers.set_rotation(session_id, rotation)
    }

    /// Returns the history of each browser's session.
    #[must_use]
    pub fn browsers(&self) -> Vec<BrowserLedger> {
        self.provider.state().browsers.ledger()
    }

    /// Starts signing with a new key. The previous key stays published. Returns the new `kid`.
    ///
    /// # Errors
    /// Fails if no key can be generated.
    pub async fn rotate_keys(&self) -> Result<String, StartError> {
        let generated = tokio::task::spawn_blocking(SigningKey::generate).await;
        let key = generated.map_err(StartError::Interrupted)?.map_err(KeysError::from)?;
        let kid = key.kid().to_owned();
        self.provider.state().keys.rotate(key);
        Ok(kid)
    }
}
