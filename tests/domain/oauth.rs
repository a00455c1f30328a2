//! Tests of the gateway as an OAuth client: endpoint URLs, the authorize URL and PKCE.

use goclaw::domain::{
    authorize_url::authorize_url,
    oauth_client::{EndpointUrl, InvalidEndpoint, OAuthClient},
    pkce::{STATE_BYTES, VERIFIER_BYTES},
    provider::{ProviderType, openai_codex},
    secret::{OAuthState, PkceVerifier},
};
use secrecy::ExposeSecret;

#[test]
fn endpoints_use_https_or_a_loopback_host() {
    for valid in ["https://auth.openai.com/oauth/token", "http://127.0.0.1:9/x", "http://[::1]:9/", "http://localhost/"]
    {
        assert!(EndpointUrl::parse(valid).is_ok(), "{valid}");
    }
    for (invalid, error) in [
        ("auth.openai.com", InvalidEndpoint::NotAUrl),
        ("http://auth.openai.com", InvalidEndpoint::NotSecure),
        ("http://localhost.evil.example", InvalidEndpoint::NotSecure),
        ("file:///etc/passwd", InvalidEndpoint::NotSecure),
        ("https://user@host/", InvalidEndpoint::HasExtras),
        ("https://host/#fragment", InvalidEndpoint::HasExtras),
    ] {
        assert_eq!(EndpointUrl::parse(invalid), Err(error), "{invalid}");
    }
}

#[test]
fn paths_join_with_one_slash() {
    let issuer = EndpointUrl::parse("https://auth.openai.com").unwrap();
    assert_eq!(issuer.join_path("/oauth/token").unwrap().as_str(), "https://auth.openai.com/oauth/token");
    let nested = EndpointUrl::parse("https://host/realm/").unwrap();
    assert_eq!(nested.join_path("/token").unwrap().as_str(), "https://host/realm/token");
}

#[test]
fn the_authorize_url_has_the_parameter_order_of_openai_s_own_client() {
    let defaults = ProviderType::OpenaiCodex.descriptor().oauth.unwrap();
    let issuer = EndpointUrl::parse(openai_codex::ISSUER).unwrap();
    let client = OAuthClient {
        issuer: issuer.to_string(),
        requires_issuer: false,
        authorize_url: issuer.join_path(defaults.authorize_path).unwrap(),
        token_url: issuer.join_path(defaults.token_path).unwrap(),
        revoke_url: None,
        body_format: defaults.body_format,
        client_id: defaults.client_id.to_owned(),
        scopes: defaults.scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        redirect_uri: "http://localhost:1455/auth/callback".to_owned(),
        provider_params: defaults.authorize_params.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect(),
        originator: Some("goclaw".to_owned()),
        extra_params: vec![("prompt".to_owned(), "login".to_owned())],
    };
    assert_eq!(
        authorize_url(&client, "CHALLENGE", &OAuthState::new("STATE")).expose_secret(),
        "https://auth.openai.com/oauth/authorize?response_type=code&client_id=app_EMoamEEZ73f0CkXaXp7hrann\
         &redirect_uri=http%3A%2F%2Flocalhost%3A1455%2Fauth%2Fcallback\
         &scope=openid%20profile%20email%20offline_access%20api.connectors.read%20api.connectors.invoke\
         &code_challenge=CHALLENGE&code_challenge_method=S256&id_token_add_organizations=true\
         &codex_cli_simplified_flow=true&state=STATE&originator=goclaw&prompt=login"
    );
}

#[test]
fn the_code_challenge_matches_rfc_7636_appendix_b() {
    let verifier = PkceVerifier::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    assert_eq!(verifier.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}

#[test]
fn verifiers_have_86_characters_and_states_43() {
    let verifier = PkceVerifier::from_bytes(&[0xff; VERIFIER_BYTES]);
    assert_eq!(verifier.expose_secret().len(), 86);
    assert!(!verifier.expose_secret().contains(['+', '/', '=']));
    assert_eq!(OAuthState::from_bytes(&[7; STATE_BYTES]).expose_secret().len(), 43);
}
