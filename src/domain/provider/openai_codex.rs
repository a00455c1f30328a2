//! ChatGPT through the Codex backend. The gateway is a public OAuth client with PKCE; refresh tokens are single-use.

use super::descriptor::{Category, Descriptor, Dialect, ModelApi, OAuthDefaults};
use crate::domain::{account::AccountLabels, claims::UnverifiedClaims, oauth_client::BodyFormat};

/// The name of the provider type and of its built-in account.
pub const NAME: &str = "openai-codex";

/// A second name of both: `/v1/auth/openai/...` means `/v1/auth/openai-codex/...`.
pub const ALIAS: &str = "openai";

/// Resolves the alias in the name of an account or a provider type.
pub fn canonical(name: &str) -> &str {
    if name == ALIAS { NAME } else { name }
}

pub const ISSUER: &str = "https://auth.openai.com";

/// Namespaces of claims in OpenAI's tokens.
const AUTH_NAMESPACE: &str = "https://api.openai.com/auth";
const PROFILE_NAMESPACE: &str = "https://api.openai.com/profile";

pub(super) const DESCRIPTOR: Descriptor = Descriptor {
    name: NAME,
    display_name: "ChatGPT",
    category: Category::Llm,
    pasted: None,
    oauth: Some(&OAuthDefaults {
        issuer: Some(ISSUER),
        authorize_path: "/oauth/authorize",
        token_path: "/oauth/token",
        revoke_path: Some("/oauth/revoke"),
        body_format: BodyFormat::Json,
        // The public client of the Codex CLI.
        client_id: "app_EMoamEEZ73f0CkXaXp7hrann",
        scopes: &["openid", "profile", "email", "offline_access", "api.connectors.read", "api.connectors.invoke"],
        authorize_params: &[("id_token_add_organizations", "true"), ("codex_cli_simplified_flow", "true")],
        originator: Some("goclaw"),
    }),
    sessions: None,
    api_base: "https://chatgpt.com/backend-api",
    proxy_paths: &["codex/*", "wham/usage"],
    program_paths: &[
        "POST codex/responses",
        "POST codex/responses/compact",
        "GET codex/models",
        "POST codex/memories/trace_summarize",
        "POST codex/images/generations",
        "POST codex/images/edits",
    ],
    models: Some(&ModelApi {
        dialect: Dialect::Codex,
        prompt_path: "codex/responses",
        compact_path: Some("codex/responses/compact"),
        embeddings_path: None,
        models_path: "codex/models",
        // The backend lists the models for a version of the Codex CLI.
        client_version: Some("0.169.0"),
    }),
    check_path: None,
    usage_path: Some("wham/usage"),
    account_header: Some("chatgpt-account-id"),
    labels,
};

fn labels(claims: &UnverifiedClaims) -> AccountLabels {
    AccountLabels {
        account_id: claims.namespaced_label(AUTH_NAMESPACE, "chatgpt_account_id"),
        user_id: claims
            .namespaced_label(AUTH_NAMESPACE, "chatgpt_user_id")
            .or_else(|| claims.namespaced_label(AUTH_NAMESPACE, "user_id")),
        email: claims.label("email").or_else(|| claims.namespaced_label(PROFILE_NAMESPACE, "email")),
        plan_type: claims.namespaced_label(AUTH_NAMESPACE, "chatgpt_plan_type"),
    }
}
