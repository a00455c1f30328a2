//! Suno, AI music: the session token of a signed-in browser, a JWT that lives for about an hour. The
//! browser's own cookie, where its owner hands it in, refreshes it.

use super::descriptor::{AuthMethod, Category, Descriptor, SessionDefaults};
use crate::domain::{account::AccountLabels, claims::UnverifiedClaims};

pub(super) const DESCRIPTOR: Descriptor = Descriptor {
    name: "suno",
    display_name: "Suno",
    category: Category::Media,
    pasted: Some(AuthMethod::SessionToken),
    oauth: None,
    // Clerk, as third-party clients found it; a deployment may name another.
    sessions: Some(&SessionDefaults { url: "https://auth.suno.com", cookie: "__client" }),
    api_base: "https://studio-api.prod.suno.com/api",
    proxy_paths: &["*"],
    models: None,
    check_path: Some("billing/info/"),
    usage_path: None,
    account_header: None,
    labels,
};

/// Its identity provider puts e-mail and user id into claims with a namespace of its own.
fn labels(claims: &UnverifiedClaims) -> AccountLabels {
    AccountLabels {
        account_id: None,
        user_id: claims.label_ending_in("/user_id").or_else(|| claims.label("sub")),
        email: claims.label("email").or_else(|| claims.label_ending_in("/email")),
        plan_type: None,
    }
}
