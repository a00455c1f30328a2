//! Alibaba Cloud's DashScope, for models and media generation. Accounts connect with an API key, or with OAuth if the
//! endpoints are configured.

use super::descriptor::{AuthMethod, Category, Descriptor, Dialect, ModelApi, OAuthDefaults};
use crate::domain::{account::AccountLabels, claims::UnverifiedClaims, oauth_client::BodyFormat};

pub(super) const DESCRIPTOR: Descriptor = Descriptor {
    name: "dashscope",
    display_name: "DashScope",
    category: Category::Llm,
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
    program_paths: &[
        "POST api/v1/services/*",
        "GET api/v1/tasks/*",
        "POST compatible-mode/v1/chat/completions",
        "POST compatible-mode/v1/completions",
        "POST compatible-mode/v1/embeddings",
        "POST compatible-mode/v1/responses",
        "GET compatible-mode/v1/models",
    ],
    models: Some(&ModelApi {
        dialect: Dialect::ChatCompletions,
        prompt_path: "compatible-mode/v1/chat/completions",
        compact_path: None,
        embeddings_path: Some("compatible-mode/v1/embeddings"),
        models_path: "compatible-mode/v1/models",
        client_version: None,
    }),
    check_path: Some("compatible-mode/v1/models"),
    usage_path: None,
    account_header: None,
    labels,
};

/// The model API of Alibaba Cloud's coding plan, which has its own hosts and keys.
pub(super) const CODING_PLAN: ModelApi = ModelApi {
    dialect: Dialect::ChatCompletions,
    prompt_path: "v1/chat/completions",
    compact_path: None,
    embeddings_path: None,
    models_path: "v1/models",
    client_version: None,
};

/// The region of each endpoint. A key is valid only in its own region.
const REGIONS: [(&str, &str); 6] = [
    ("https://dashscope.aliyuncs.com", "China (Beijing)"),
    ("https://dashscope-intl.aliyuncs.com", "Singapore"),
    ("https://dashscope-us.aliyuncs.com", "US (Virginia)"),
    ("https://cn-hongkong.dashscope.aliyuncs.com", "China (Hong Kong)"),
    ("https://coding.dashscope.aliyuncs.com", "the coding plan in China"),
    ("https://coding-intl.dashscope.aliyuncs.com", "the international coding plan"),
];

/// Returns the base URL without the path of an API, which the provider's own pages include.
pub fn api_base(url: &str) -> &str {
    let base = url.trim_end_matches('/');
    let apis = ["/compatible-mode/v1", "/api/v1", "/v1"];
    apis.into_iter().find_map(|api| base.strip_suffix(api)).unwrap_or(base)
}

pub fn is_coding_plan(api_base: &str) -> bool {
    api_base.split_once("://").is_some_and(|(_, host)| host.starts_with("coding.") || host.starts_with("coding-"))
}

/// Returns the paths below `api_base` that the owner may use, and those that programs may use.
pub fn paths(api_base: &str) -> [&'static [&'static str]; 2] {
    if is_coding_plan(api_base) {
        [&["v1/*"], &["POST v1/chat/completions", "POST v1/messages", "GET v1/models"]]
    } else {
        [DESCRIPTOR.proxy_paths, DESCRIPTOR.program_paths]
    }
}

/// Returns why `api_base` may refuse a key, and where the key may be valid.
pub fn key_hint(api_base: &str) -> String {
    let region = REGIONS.iter().find(|(base, _)| *base == api_base).map_or("another server", |(_, region)| *region);
    let others: Vec<String> = REGIONS
        .iter()
        .filter(|(base, _)| *base != api_base)
        .map(|(base, region)| format!("{base} ({region})"))
        .collect();
    format!(
        "a key is valid in its own region only, and api_base is {api_base} ({region}); if the key is from another one, set \
         api_base to one of: {}",
        others.join(", ")
    )
}

fn labels(claims: &UnverifiedClaims) -> AccountLabels {
    AccountLabels { account_id: None, user_id: claims.label("sub"), email: claims.label("email"), plan_type: None }
}
