//! Property tests of parsing texts from callers and providers: no parser panics, and accepted values equal what was
//! sent. `fuzz/` has the same targets for longer runs.

use goclaw::{
    adapters::{http::bearer_token, oauth::parse_token_response},
    domain::{
        provider::{AuthMethod, ProviderType},
        time::Timestamp,
    },
};
use proptest::prelude::*;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

fn any_member() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        prop::collection::vec(any::<String>().prop_map(Value::from), 0..3).prop_map(Value::from),
    ]
}

proptest! {
    #[test]
    fn a_bearer_token_is_the_rest_of_its_header(scheme in "[Bb][Ee]arer|Basic|", space in "[ \t]{0,2}", token in "([^ ].{0,40})?") {
        let header = format!("{scheme}{space}{token}");
        match bearer_token(&header) {
            Some(found) => {
                prop_assert!(scheme.eq_ignore_ascii_case("bearer") && space.starts_with(' '));
                prop_assert_eq!(found, token.trim());
            }
            None => prop_assert!(!scheme.eq_ignore_ascii_case("bearer") || !space.starts_with(' ')),
        }
    }

    #[test]
    fn parsing_a_token_response_never_panics(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse_token_response(&body);
    }

    #[test]
    fn a_parsed_access_token_is_the_one_that_was_sent_and_its_expiry_is_positive(
        access in any::<String>(),
        members in prop::collection::hash_map("refresh_token|id_token|expires_in|scope|token_type|a", any_member(), 0..6),
    ) {
        let mut body = json!(members);
        body["access_token"] = json!(access);
        let response = parse_token_response(body.to_string().as_bytes());
        if let Some(token) = response.as_ref().and_then(|response| response.access_token.as_ref()) {
            prop_assert_eq!(token.expose_secret(), &access);
        }
        let now = Timestamp::from_unix_seconds(1_800_000_000);
        for provider_type in ProviderType::ALL {
            let metadata = response.as_ref().map(|response| response.metadata(AuthMethod::OAuth, provider_type, &[], now));
            let expires_at = metadata.and_then(|metadata| metadata.expires_at);
            prop_assert!(expires_at.is_none_or(|at| at.unix_seconds() > 0));
        }
    }
}

/// The properties above would also hold if no response were parsed.
#[test]
fn a_plain_token_response_is_parsed() {
    let body = json!({"access_token": "access-1", "refresh_token": "refresh-1", "expires_in": 3600});
    let response = parse_token_response(body.to_string().as_bytes()).expect("a response");
    assert_eq!(response.access_token.as_ref().expect("an access token").expose_secret(), "access-1");
    let now = Timestamp::from_unix_seconds(1_800_000_000);
    let metadata = response.metadata(AuthMethod::OAuth, ProviderType::OpenaiCodex, &[], now);
    assert_eq!(metadata.expires_at, Some(now.plus(std::time::Duration::from_secs(3600))));
}
