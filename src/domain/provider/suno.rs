//! Suno, AI music. Accounts connect with the session token of a browser, a JWT that is valid for about an hour. The
//! browser's cookie refreshes this token if the owner pastes the cookie too.

use super::descriptor::{AuthMethod, Category, Descriptor, SessionDefaults};
use crate::domain::{account::AccountLabels, claims::UnverifiedClaims};

pub(super) const DESCRIPTOR: Descriptor = Descriptor {
    name: "suno",
    display_name: "Suno",
    category: Category::Media,
    pasted: Some(AuthMethod::SessionToken),
    oauth: None,
    // The address of Clerk, Suno's identity provider, as third-party clients use it. It can be configured.
    sessions: Some(&SessionDefaults { url: "https://auth.suno.com", cookie: "__client" }),
    api_base: "https://studio-api.prod.suno.com/api",
    proxy_paths: &["*"],
    program_paths: &[
        "POST generate/*",
        "GET generate/*",
        "POST gen/*",
        "GET gen/*",
        "POST feed/*",
        "GET feed/*",
        "GET feed/",
        "GET clip/*",
        "GET clips/*",
        "POST edit/*",
        "GET edit/*",
        "POST uploads/*",
        "GET uploads/*",
        "GET persona/*",
    ],
    models: None,
    check_path: Some("billing/info/"),
    usage_path: None,
    account_header: None,
    labels,
};

/// Suno's identity provider may prefix the names of these claims with a namespace.
fn labels(claims: &UnverifiedClaims) -> AccountLabels {
    AccountLabels {
        account_id: None,
        user_id: claims.label_ending_in("/user_id").or_else(|| claims.label("sub")),
        email: claims.label("email").or_else(|| claims.label_ending_in("/email")),
        plan_type: None,
    }
}
