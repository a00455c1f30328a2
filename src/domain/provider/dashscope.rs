//! Alibaba DashScope, media generation: connects with an API key, or with OAuth if the endpoints are configured.

use super::descriptor::{AuthMethod, Category, Descriptor, Dialect, ModelApi, OAuthDefaults};
use crate::domain::{account::AccountLabels, claims::UnverifiedClaims, oauth_client::BodyFormat};

pub(super) const DESCRIPTOR: Descriptor = Descriptor {
    name: "dashscope",
    display_name: "DashScope",
    category: Category::Media,
    pasted: Some(AuthMethod::ApiKey),
    // The public OAuth service was discontinued on 2026-04-15, so there is no default issuer.
    oauth: Some(&OAuthDefaults {
        issuer: None,
        authorize_path: "/oauth/authorize",
        token_path: "/oauth/token",
        revoke_path: None,
        body_format: BodyFormat::Form,
        client_id: "",
        scopes: &["openid", "profile", "email", "offline_access"],
        authorize_params: &[],
        originator: None,
    }),
    sessions: None,
    api_base: "https://dashscope.aliyuncs.com",
    proxy_paths: &["api/v1/services/*", "api/v1/tasks/*", "compatible-mode/v1/*"],
    models: Some(&ModelApi {
        dialect: Dialect::ChatCompletions,
        prompt_path: "compatible-mode/v1/chat/completions",
        models_path: "compatible-mode/v1/models",
        client_version: None,
    }),
    check_path: Some("compatible-mode/v1/models"),
    usage_path: None,
    account_header: None,
    labels,
};

fn labels(claims: &UnverifiedClaims) -> AccountLabels {
    AccountLabels { account_id: None, user_id: claims.label("sub"), email: claims.label("email"), plan_type: None }
}
