//! Notes what a provider's responses say about an account, for its status. Requests of the proxy say nothing: their
//! paths are the caller's choice.

use super::Models;
use crate::{
    app::ProviderRegistration,
    domain::{
        provider_feedback::PlanLimit,
        provider_refusal::{ProviderRefusal, RefusalKind},
    },
};

impl Models {
    /// Notes a refusal of a prompt or of the usage.
    pub(super) fn note_refusal(&self, account: &ProviderRegistration, refusal: &ProviderRefusal) {
        let (name, login_id, now) = (&account.definition.name, &account.refresh.version.login_id, self.now());
        if refusal.kind == RefusalKind::UsageLimit {
            let usage = self.usages.get(name, login_id);
            let window = usage.as_ref().and_then(|usage| usage.used_up()).filter(|window| window.resets_at > Some(now));
            let limit = PlanLimit {
                window: window.map(|window| window.name.to_owned()),
                until: refusal.retry_after.map(|wait| now.plus(wait)),
            };
            self.tokens.note_feedback(name, login_id, |feedback| feedback.note_limit(limit));
        }
    }
}
