//! Notes for an account's status whether the provider answered or refused a request. Proxied requests are not noted
//! here, because the caller chooses their paths.

use super::Models;
use crate::{
    app::ProviderRegistration,
    domain::{
        dialect::ResponseFailure,
        provider_feedback::{FeedbackSource, PlanLimit, ProviderCode},
        provider_refusal::{ProviderRefusal, RefusalKind},
        refresh::TokenState,
    },
};

impl Models {
    /// Notes that the provider accepted a request of this kind.
    pub(super) fn note_answered(&self, account: &ProviderRegistration, source: FeedbackSource) {
        self.tokens.note_answered(&account.definition.name, &account.refresh.version.login_id, source);
    }

    /// Notes the failure that a stream reports, and returns it as a refusal.
    pub(super) fn note_failure(&self, account: &ProviderRegistration, failure: ResponseFailure) -> ProviderRefusal {
        let refusal = ProviderRefusal::of_failure(failure, self.now());
        self.note_refusal(account, &refusal, FeedbackSource::Prompt);
        refusal
    }

    /// Notes a refusal of a prompt or of a usage request.
    pub(super) fn note_refusal(
        &self,
        account: &ProviderRegistration,
        refusal: &ProviderRefusal,
        source: FeedbackSource,
    ) {
        let (name, login_id) = (&account.definition.name, &account.refresh.version.login_id);
        let is_refused = match refusal.kind {
            RefusalKind::AccountRefused => true,
            RefusalKind::TokenRefused => self.refreshes_are_futile(account),
            RefusalKind::UsageLimit => {
                let limit = self.limit_of(account, refusal);
                return self.tokens.note_feedback(name, login_id, |feedback| feedback.note_limit(limit));
            }
            RefusalKind::BadRequest
            | RefusalKind::NotFound
            | RefusalKind::TooLarge
            | RefusalKind::NotAllowed
            | RefusalKind::RateLimited
            | RefusalKind::Overloaded
            | RefusalKind::Failed => false,
        };
        if is_refused {
            let code = ProviderCode::new(&refusal.code);
            self.tokens.note_feedback(name, login_id, |feedback| feedback.note_refusal(code, source));
        }
    }

    /// Whether a refresh cannot help after the provider refused the access token.
    fn refreshes_are_futile(&self, account: &ProviderRegistration) -> bool {
        let refresh = &account.refresh;
        !refresh.refreshable
            || refresh.state == TokenState::NeedsReauth
            || self.tokens.feedback(&account.definition.name, &refresh.version.login_id).refreshes_are_futile()
    }

    fn limit_of(&self, account: &ProviderRegistration, refusal: &ProviderRefusal) -> PlanLimit {
        let now = self.now();
        let usage = self.usages.get(&account.definition.name, &account.refresh.version.login_id);
        let window =
            usage.as_ref().and_then(|usage| usage.used_up_window()).filter(|window| window.resets_at > Some(now));
        PlanLimit {
            window: window.map(|window| window.name.to_owned()),
            until: refusal.retry_after.map(|wait| now.plus(wait)),
        }
    }
}
