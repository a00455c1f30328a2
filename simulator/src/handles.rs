//! What a Rust test can do with a running simulator: order, look, change. The control port offers the same to others.

use crate::{
    auth::{self, ApprovalRefused},
    cancellations::Cancellations,
    faults::FaultOrder,
    journal::{FamilyLedger, JournalEntry},
    presentations::{Presentation, PresentationTotals},
    provider::{self, BrowserLedger, SignedInBrowser, SigningKey, TokenStatus},
    scripts::ScriptOrder,
    settings::{Approval, Settings},
    simulator::{Simulator, StartError},
    site::Site,
    steps::{Release, Step, StopOrder, StoppedRequest},
    streams::StreamCounts,
};

impl Simulator {
    /// What happens at the authorization endpoint from now on.
    pub fn set_approval(&self, approval: Approval) {
        self.provider.state().settings.approval = approval;
    }

    /// Orders a fault, behind those already on order.
    pub fn queue_fault(&self, order: FaultOrder) {
        self.provider.state().faults.push(order);
    }

    /// Cancels all faults on order.
    pub fn clear_faults(&self) {
        self.provider.state().faults.clear();
    }

    /// The faults still on order.
    #[must_use]
    pub fn faults(&self) -> Vec<FaultOrder> {
        self.provider.state().faults.waiting()
    }

    /// Orders what the next responses of the backend say, behind the orders already there.
    pub fn queue_script(&self, order: ScriptOrder) {
        self.provider.state().scripts.push(order);
    }

    /// Cancels all scripts on order.
    pub fn clear_scripts(&self) {
        self.provider.state().scripts.clear();
    }

    /// The scripts still on order.
    #[must_use]
    pub fn scripts(&self) -> Vec<ScriptOrder> {
        self.provider.state().scripts.waiting()
    }

    /// How it behaves now.
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.provider.state().settings.clone()
    }

    /// Changes how it behaves. Tokens already issued keep their lifetime.
    pub fn update_settings(&self, change: impl FnOnce(&mut Settings)) {
        let mut settings = self.settings();
        change(&mut settings);
        self.provider.state().settings = settings;
    }

    /// Every request so far, on all origins but the control side, in order of arrival.
    #[must_use]
    pub fn journal(&self) -> Vec<JournalEntry> {
        self.provider.state().journal.entries()
    }

    /// What happened to each family of tokens, the oldest first.
    #[must_use]
    pub fn ledger(&self) -> Vec<FamilyLedger> {
        self.provider.state().families.ledger()
    }

    /// Every code, token and cookie issued so far, in clear.
    #[must_use]
    pub fn issued_secrets(&self) -> Vec<String> {
        self.provider.state().issued.all()
    }

    /// Whether a token would be honoured now.
    #[must_use]
    pub fn token_status(&self, token: &str) -> TokenStatus {
        let state = self.provider.state();
        state.families.status(token, state.now())
    }

    /// Ends every session at the provider's side, as a password change or an administrator does.
    pub fn revoke_all(&self) {
        self.provider.state().families.revoke_all();
    }

    /// Forgets everything but the keys, and behaves as at the start. An origin that was down comes back, but not before
    /// this returns: [`Simulator::bring_back`] waits for it.
    pub fn reset(&self) {
        self.provider.reset();
        self.outages.end();
    }

    /// Approves an authorization request as this account (an index in the settings), without a browser, and returns
    /// the URL of the callback to request: any number of logins can so be under way at once.
    ///
    /// # Errors
    /// When the provider would refuse the request, or there is no such account.
    pub fn approve(&self, authorize_url: &str, account: usize) -> Result<String, ApprovalRefused> {
        auth::approve(&self.provider, authorize_url, account)
    }

    /// Every refresh token that was presented, in order.
    #[must_use]
    pub fn presentations(&self) -> Vec<Presentation> {
        self.provider.state().presentations.all()
    }

    /// Their sum.
    #[must_use]
    pub fn presentation_totals(&self) -> PresentationTotals {
        self.provider.presentation_totals()
    }

    /// Orders that a refresh request is stopped at a step, behind the orders already there.
    pub fn stop_at(&self, order: StopOrder) {
        self.provider.steps.order(order);
    }

    /// Ends when so many requests have been stopped at a step since the last [`Simulator::clear_stops`].
    pub async fn reached(&self, step: Step, count: usize) {
        self.provider.steps.reached(step, count).await;
    }

    /// Releases the requests held at a step, or at any.
    pub fn release(&self, step: Option<Step>, release: Release) {
        self.provider.steps.release(step, release);
    }

    /// The requests stopped so far.
    #[must_use]
    pub fn stopped(&self) -> Vec<StoppedRequest> {
        self.provider.steps.stopped()
    }

    /// Cancels the orders to stop, closes what is held and forgets what was stopped.
    pub fn clear_stops(&self) {
        self.provider.steps.clear();
    }

    /// Takes an origin from the network: connections are refused, and those that are open end. Returns when it is so.
    pub async fn take_down(&self, site: Site) {
        self.outages.set(site, true).await;
    }

    /// Ends an outage. Returns when connections are accepted again.
    pub async fn bring_back(&self, site: Site) {
        self.outages.set(site, false).await;
    }

    /// How many requests were cancelled by their clients.
    #[must_use]
    pub fn cancellations(&self) -> Cancellations {
        self.provider.state().journal.cancellations()
    }

    /// The streams of the backend and of DashScope.
    #[must_use]
    pub fn streams(&self) -> StreamCounts {
        self.provider.state().streams
    }

    /// Signs an account (an index in the settings) in at the session provider; none when there is no such account.
    #[must_use]
    pub fn sign_in_browser(&self, account: usize) -> Option<SignedInBrowser> {
        provider::sign_in_browser(&self.provider, account)
    }

    /// Makes the cookie of a session worthless; false when there is no such session. Its tokens live out their time.
    pub fn revoke_browser(&self, session_id: &str) -> bool {
        self.provider.state().browsers.revoke(session_id)
    }

    /// What happened to each browser's session.
    #[must_use]
    pub fn browsers(&self) -> Vec<BrowserLedger> {
        self.provider.state().browsers.ledger()
    }

    /// Signs with a new key from now on; the one before it stays published. Returns the new `kid`.
    ///
    /// # Errors
    /// When no key can be generated.
    pub async fn rotate_keys(&self) -> Result<String, StartError> {
        let generated = tokio::task::spawn_blocking(SigningKey::generate).await;
        let key = generated.map_err(StartError::Interrupted)?.map_err(StartError::Keys)?;
        let kid = key.kid().to_owned();
        self.provider.state().keys.rotate(key);
        Ok(kid)
    }
}
