//! Tests of the OAuth client, most of them against the simulator: its requests, and its error for each response.

use std::{
    io::{Read, Write},
    sync::Arc,
    time::Duration,
};

use flate2::{Compression, write::GzEncoder};
use futures_util::future::join_all;
use goclaw::{
    adapters::{
        oauth::HttpOAuthEndpoint,
        settings::{Environment, Settings},
    },
    domain::{
        authorize_url::authorize_url,
        oauth_client::OAuthClient,
        secret::{AuthorizationCode, OAuthState, PkceVerifier, RefreshToken},
        token_response::{CodeGrant, TokenResponse},
    },
    ports::{ConnectProblem, Doubt, OAuthEndpoint, TokenEndpointError},
};
use goclaw_simulator::{Endpoint, Fault, FaultOrder, Options, Simulator, TokenStatus};
use secrecy::ExposeSecret;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    time::timeout,
};
use url::Url;

use crate::support::gateway::{free_port, http, sleep_thread};
use crate::support::outbound::{account, outbound};

const VERIFIER: [u8; 64] = [7; 64];

async fn start_provider() -> (Simulator, OAuthClient) {
    let simulator = Simulator::start(Options::default()).await.unwrap();
    let client = client_of(simulator.issuer());
    (simulator, client)
}

pub(crate) fn client_of(issuer: &str) -> OAuthClient {
    let variables = [("HOME", "/"), ("GOCLAW_PROVIDERS__OPENAI_CODEX__ISSUER", issuer)];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let settings = Settings::load(None, &Environment::from_pairs(variables)).unwrap();
    settings.providers.into_iter().find_map(|provider| provider.oauth).map(Arc::unwrap_or_clone).unwrap()
}

/// Returns a new code that belongs to `VERIFIER`.
async fn approved_grant(client: &OAuthClient) -> CodeGrant {
    let verifier = PkceVerifier::from_bytes(&VERIFIER);
    let url = authorize_url(client, &verifier.challenge(), &OAuthState::new("state"));
    let response = http().get(url.expose_secret()).send().await.unwrap();
    let location = Url::parse(response.headers()["location"].to_str().unwrap()).unwrap();
    let (_, code) = location.query_pairs().find(|(name, _)| name == "code").unwrap();
    CodeGrant { code: AuthorizationCode::new(code), verifier }
}

fn endpoint() -> HttpOAuthEndpoint {
    // Installs the TLS provider.
    let _ = http();
    HttpOAuthEndpoint::new(&outbound(), std::sync::Arc::new(goclaw::adapters::system::SystemClock)).unwrap()
}

#[tokio::test]
async fn a_code_is_redeemed_once() {
    let (provider, client) = start_provider().await;
    let grant = approved_grant(&client).await;
    let again = CodeGrant {
        code: AuthorizationCode::new(grant.code.expose_secret()),
        verifier: PkceVerifier::from_bytes(&VERIFIER),
    };
    let tokens = endpoint().exchange_code(account(), &client, grant).await.unwrap();
    assert!(tokens.refresh_token.is_some() && tokens.id_token.is_some());
    assert_eq!(provider.token_status(tokens.access_token.unwrap().expose_secret()), TokenStatus::Live);
    let refused = endpoint().exchange_code(account(), &client, again).await.unwrap_err();
    assert!(matches!(refused, TokenEndpointError::Rejected { status: 400, code: "invalid_grant" }), "{refused:?}");
}

#[tokio::test]
async fn a_wrong_verifier_is_rejected() {
    let (_provider, client) = start_provider().await;
    let grant = CodeGrant { verifier: PkceVerifier::from_bytes(&[8; 64]), ..approved_grant(&client).await };
    let refused = endpoint().exchange_code(account(), &client, grant).await.unwrap_err();
    assert!(matches!(refused, TokenEndpointError::Rejected { .. }), "{refused:?}");
}

/// Returns the kind of an error with its parameter.
fn kind(error: &TokenEndpointError) -> String {
    match error {
        TokenEndpointError::Rejected { status, code } => format!("rejected {status} {code}"),
        TokenEndpointError::RateLimited { retry_after } => {
            format!("rate limited {}", retry_after.map_or(0, |wait| wait.as_secs()))
        }
        TokenEndpointError::Unavailable { .. } => "unavailable".to_owned(),
        TokenEndpointError::Unreachable(_) => "unreachable".to_owned(),
        TokenEndpointError::Indeterminate(Doubt::ServerError(status)) => format!("server error {status}"),
        TokenEndpointError::Indeterminate(Doubt::Unreadable(status)) => format!("unreadable {status}"),
        TokenEndpointError::Indeterminate(doubt) => format!("{doubt:?}"),
    }
}

#[tokio::test]
async fn each_invalid_response_has_its_error_and_is_not_retried() {
    let elsewhere = Simulator::start(Options::default()).await.unwrap();
    let redirect = Fault::Redirect { status: 307, location: format!("{}/oauth/token", elsewhere.issuer()) };
    for (fault, expected) in [
        (Fault::too_many_requests(Some("7")), "rate limited 7"),
        (
            response_fault(429, r#"{"error": {"type": "usage_limit_reached", "resets_in_seconds": 600.5}}"#),
            "rate limited 600",
        ),
        (
            response_fault(400, r#"{"error": {"type": "invalid_grant", "message": "No."}}"#),
            "rejected 400 invalid_grant",
        ),
        (response_fault(403, r#"{"error": {"code": "account_deactivated"}}"#), "rejected 403 account_deactivated"),
        (response_fault(403, r#"{"detail": {"code": "deactivated_workspace"}}"#), "rejected 403 deactivated_workspace"),
        (response_fault(404, r#"{"detail": "Not Found"}"#), "rejected 404 unknown"),
        (response_fault(401, "Unauthorized"), "rejected 401 unknown"),
        (response_fault(401, "\n<!DOCTYPE html><title>Proxy login</title>"), "unreadable 401"),
        (response_fault(401, "\u{feff}<html>Proxy login</html>"), "unreadable 401"),
        (response_fault(200, r#"{"error": "invalid_grant"}"#), "rejected 200 invalid_grant"),
        (response_fault(200, r#"{"error": "invalid_request"}"#), "unreadable 200"),
        (response_fault(403, r#"{"error": {"code": "account_suspended"}}"#), "rejected 403 account_suspended"),
        (response_fault(429, r#"{"error": {"code": "refresh_token_reused"}}"#), "rejected 429 refresh_token_reused"),
        (response_fault(500, r#"{"error": "invalid_grant"}"#), "rejected 500 invalid_grant"),
        (response_fault(500, r#"{"error": "invalid_request"}"#), "server error 500"),
        (Fault::internal_server_error(), "server error 500"),
        (Fault::bad_gateway(), "server error 502"),
        (Fault::service_unavailable(None), "server error 503"),
        (Fault::unsupported_country(), "rejected 403 unsupported_country_region_territory"),
        (Fault::ResetBefore, "ConnectionLost"),
        (Fault::LoseAnswer, "ConnectionLost"),
        (Fault::HugeBody, "unreadable 200"),
        (redirect, "unreadable 307"),
    ] {
        let (provider, client) = start_provider().await;
        let grant = approved_grant(&client).await;
        provider.queue_fault(FaultOrder::standing(Endpoint::Token, fault.clone()));
        let error = endpoint().exchange_code(account(), &client, grant).await.unwrap_err();
        assert_eq!(kind(&error), expected, "{fault:?}");
        let requests = provider.journal().into_iter().filter(|entry| entry.path == "/oauth/token").count();
        assert_eq!(requests, 1, "{fault:?}: nothing is retried");
    }
    assert!(elsewhere.journal().is_empty(), "a redirect was followed with the code");
}

/// Returns a fault that replaces a response by this one.
fn response_fault(status: u16, body: &str) -> Fault {
    Fault::Status { status, body: body.to_owned(), content_type: "application/json".to_owned(), retry_after: None }
}

#[tokio::test]
async fn a_token_response_is_parsed_as_json_whatever_its_content_type() {
    for content_type in ["text/html", "text/plain; charset=utf-8", "nonsense", "application/json;charset=utf-8"] {
        let (provider, client) = start_provider().await;
        let grant = approved_grant(&client).await;
        let body = "\u{feff}{\"access_token\":\"a\",\"refresh_token\":\"r\"}".to_owned();
        let fault = Fault::Status { status: 200, body, content_type: content_type.into(), retry_after: None };
        provider.queue_fault(FaultOrder::once(Endpoint::Token, fault));
        let tokens = endpoint().exchange_code(account(), &client, grant).await.expect(content_type);
        assert_eq!(tokens.refresh_token.expect("a refresh token").expose_secret(), "r");
    }
}

#[tokio::test]
async fn a_member_of_another_type_does_not_cost_the_tokens() {
    let provider = start_provider().await;
    for member in [r#""id_token": {"email": "a"}"#, r#""id_token": 5"#, r#""id_token": false"#, r#""access_token": []"#]
    {
        let body = format!(r#"{{"refresh_token": "r", {member}}}"#);
        let tokens = refresh_with_response(&provider, 200, &body).await.expect(member);
        assert_eq!(tokens.refresh_token.expect(member).expose_secret(), "r");
        assert!(tokens.id_token.is_none() && tokens.access_token.is_none(), "{member}");
    }
}

/// Refreshes at a server that responds with a body in gzip, of which the last `missing` bytes are not sent.
async fn refresh_with_gzip(status: u16, text: &str, missing: usize) -> Result<TokenResponse, TokenEndpointError> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    let mut body = encoder.finish().unwrap();
    body.truncate(body.len() - missing);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = client_of(&format!("http://{}", listener.local_addr().unwrap()));
    let respond = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
        let length = body.len();
        let head = format!("HTTP/1.1 {status} X\r\nContent-Encoding: gzip\r\nContent-Length: {length}\r\n\r\n");
        stream.write_all(&[head.as_bytes(), &body].concat()).await.unwrap();
        stream
    };
    let (oauth, token) = (endpoint(), RefreshToken::new("token"));
    let refresh = oauth.refresh(account(), &client, &token, Duration::from_secs(20));
    let (tokens, _stream) = tokio::join!(refresh, respond);
    tokens
}

#[tokio::test]
async fn a_response_in_gzip_is_read() {
    let tokens = refresh_with_gzip(200, r#"{"access_token":"a","refresh_token":"r"}"#, 0).await.unwrap();
    assert_eq!(tokens.refresh_token.unwrap().expose_secret(), "r");
    for (text, missing, expected) in [
        (r#"{"error":"invalid_grant"}"#, 0, "rejected 401 invalid_grant"),
        ("<html>Proxy login</html>", 0, "unreadable 401"),
        (r#"{"error":"invalid_grant"}"#, 9, "unreadable 401"),
    ] {
        let error = refresh_with_gzip(401, text, missing).await.unwrap_err();
        assert_eq!(kind(&error), expected, "{text}");
    }
}

#[tokio::test]
async fn a_truncated_response_is_indeterminate() {
    let (provider, client) = start_provider().await;
    let grant = approved_grant(&client).await;
    provider.queue_fault(FaultOrder::once(Endpoint::Token, Fault::HalfJson));
    let error = endpoint().exchange_code(account(), &client, grant).await.unwrap_err();
    assert!(matches!(error, TokenEndpointError::Indeterminate(_)), "{error:?}");
}

#[tokio::test]
async fn a_refused_connection_is_unreachable() {
    let client = client_of(&format!("http://127.0.0.1:{}", free_port()));
    let grant = CodeGrant { code: AuthorizationCode::new("c"), verifier: PkceVerifier::from_bytes(&VERIFIER) };
    let error = endpoint().exchange_code(account(), &client, grant).await.unwrap_err();
    assert_eq!(kind(&error), "unreachable");
}

#[tokio::test]
async fn a_revocation_reports_its_result() {
    let (provider, client) = start_provider().await;
    let tokens = endpoint().exchange_code(account(), &client, approved_grant(&client).await).await.unwrap();
    let refresh_token = tokens.refresh_token.unwrap();
    provider.queue_fault(FaultOrder::once(Endpoint::Revoke, Fault::internal_server_error()));
    assert!(endpoint().revoke(account(), &client, &refresh_token).await.is_err());
    assert_eq!(provider.token_status(refresh_token.expose_secret()), TokenStatus::Live);
    endpoint().revoke(account(), &client, &refresh_token).await.unwrap();
    assert_eq!(provider.token_status(refresh_token.expose_secret()), TokenStatus::Revoked);
    assert_eq!(provider.token_status(tokens.access_token.unwrap().expose_secret()), TokenStatus::Revoked);
}

#[tokio::test]
async fn a_connect_timeout_is_unreachable() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    // With a full accept queue the system leaves further connections waiting.
    let mut queue = Vec::new();
    while let Ok(Ok(stream)) = timeout(Duration::from_millis(200), TcpStream::connect(address)).await {
        queue.push(stream);
    }
    let client = client_of(&format!("http://{address}"));
    let total_timeout = Duration::from_secs(20);
    let given_up =
        endpoint().refresh(account(), &client, &RefreshToken::new("token"), total_timeout).await.unwrap_err();
    // The connect timeout must end the call. After the total timeout, the token might have been consumed.
    let TokenEndpointError::Unreachable(why) = given_up else { panic!("{given_up:?}") };
    assert_eq!(why.problem, ConnectProblem::TimedOut, "{why:?}");
}

/// The provider has rotated the token, so the tokens that arrive during the pause are the only valid ones.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the provider runs while the gateway's thread is paused")]
async fn a_response_that_arrived_during_a_pause_is_read() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let client = client_of(&format!("http://{}", listener.local_addr().unwrap()));
    let provider = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        assert!(stream.read(&mut request).unwrap() > 0);
        let body = r#"{"access_token":"a","refresh_token":"r","expires_in":60}"#;
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
        // The caller is paused by now.
        sleep_thread(Duration::from_millis(300));
        stream.write_all(head.as_bytes()).unwrap();
        sleep_thread(Duration::from_millis(100));
        stream.write_all(body.as_bytes()).unwrap();
        stream
    });
    let (oauth, token) = (endpoint(), RefreshToken::new("token"));
    let pause = async {
        // Lets the request leave first. The pause outlasts the timeout of the refresh.
        timeout(Duration::from_millis(150), std::future::pending::<()>()).await.unwrap_err();
        sleep_thread(Duration::from_millis(900));
    };
    let (refreshed, ()) = tokio::join!(oauth.refresh(account(), &client, &token, Duration::from_millis(600)), pause);
    assert_eq!(refreshed.unwrap().refresh_token.unwrap().expose_secret(), "r");
    drop(provider.join().unwrap());
}

/// A refusal is known from its head. A 401 may come from an intermediary, which only the body shows.
#[tokio::test]
async fn a_refusal_whose_body_stalls_or_breaks_off_is_reported_by_its_status() {
    let cases = [
        ("403 Forbidden", "", true, "rejected 403 unknown"),
        ("403 Forbidden", "", false, "rejected 403 unknown"),
        ("429 Too Many Requests", "Retry-After: 7\r\n", true, "rate limited 7"),
        ("401 Unauthorized", "", true, "unreadable 401"),
        ("401 Unauthorized", "", false, "unreadable 401"),
    ];
    let reported = join_all(cases.map(|(status, header, stalls, _)| async move {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = client_of(&format!("http://{}", listener.local_addr().unwrap()));
        let respond = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
            let head = format!("HTTP/1.1 {status}\r\n{header}Content-Length: 100\r\n\r\n{{\"error\":");
            stream.write_all(head.as_bytes()).await.unwrap();
            stalls.then_some(stream)
        };
        let (oauth, token) = (endpoint(), RefreshToken::new("token"));
        let refresh = oauth.refresh(account(), &client, &token, Duration::from_secs(20));
        let (refused, _stream) = tokio::join!(refresh, respond);
        kind(&refused.unwrap_err())
    }))
    .await;
    assert_eq!(reported, cases.map(|(.., expected)| expected));
}

/// Presents a refresh token to a provider that responds with this JSON.
async fn refresh_with_response(
    (provider, client): &(Simulator, OAuthClient),
    status: u16,
    body: &str,
) -> Result<TokenResponse, TokenEndpointError> {
    provider.queue_fault(FaultOrder::once(Endpoint::Token, response_fault(status, body)));
    endpoint().refresh(account(), client, &RefreshToken::new("token"), Duration::from_secs(20)).await
}

#[tokio::test]
async fn known_codes_are_found_and_other_texts_are_unknown() {
    let provider = start_provider().await;
    for (body, code) in [
        (r#"{"error":{"code":"refresh_token_reused","message":"secret"}}"#, "refresh_token_reused"),
        (r#"{"error":"invalid_grant","error_description":"secret"}"#, "invalid_grant"),
        (r#"{"error":"invalid_grant","code":"Refresh_Token_Reused"}"#, "refresh_token_reused"),
        (r#"{"code":"token_expired"}"#, "token_expired"),
        (r#"{"error":{"code":"app_session_expired","type":"invalid_request_error"}}"#, "app_session_expired"),
        (r#"{"error":{"code":"error","message":{"code":"refresh_token_expired"}}}"#, "refresh_token_expired"),
        (r#"{"errors":[{"code":"refresh_token_invalidated"}]}"#, "refresh_token_invalidated"),
        (r#"{"errors":[{"message":"secret","code":"requires_captcha"}],"clerk_trace_id":"t"}"#, "requires_captcha"),
        (r#"{"errors":[{"code":"signed_out"},"x"]}"#, "unknown"),
        (
            r#"{"errors":[{"code":"x"}],"meta":{"client":{"verification":{"error":{"code":"account_disabled"}}}}}"#,
            "unknown",
        ),
        (r#"{"error":"server_error","hint":"token_revoked"}"#, "unknown"),
        (r#"[{"error":" invalid_grant "}]"#, "invalid_grant"),
        (r#"{"code":400,"error_code":"refresh_token_reused","msg":"secret"}"#, "refresh_token_reused"),
        ("\u{feff}{\"error\":\"invalid_grant\"}", "invalid_grant"),
        ("error=invalid_grant&error_description=secret", "invalid_grant"),
        (r#"{"error":"weird","error_description":"no invalid_grant here"}"#, "unknown"),
        (r#"{"detail":"Unauthorized"}"#, "unknown"),
        (r#"{"error":"my token is abc"}"#, "unknown"),
        ("<html>", "unknown"),
        ("<a href='/login?next=x&error=invalid_grant&lang=en'>", "unknown"),
        ("", "unknown"),
    ] {
        let error = refresh_with_response(&provider, 400, body).await.unwrap_err();
        assert_eq!(kind(&error), format!("rejected 400 {code}"), "{body}");
    }
}

#[tokio::test]
async fn expires_in_may_be_a_number_or_a_string() {
    let provider = start_provider().await;
    for (json, seconds) in [
        ("3600", Some(3600)),
        ("\"3600\"", Some(3600)),
        ("-1", Some(-1)),
        ("1e18", Some(10i64.pow(18))),
        ("null", None),
        ("[]", None),
        ("\"soon\"", None),
    ] {
        let body = format!(r#"{{"access_token":"a","expires_in":{json}}}"#);
        assert_eq!(refresh_with_response(&provider, 200, &body).await.unwrap().expires_in, seconds, "{json}");
    }
}

#[tokio::test]
async fn a_body_without_tokens_is_unreadable() {
    let provider = start_provider().await;
    for body in ["", "{", "[]", "{}", r#"{"access_token":""}"#, r#"{"access_token":5}"#, "<html>"] {
        let error = refresh_with_response(&provider, 200, body).await.unwrap_err();
        assert_eq!(kind(&error), "unreadable 200", "{body}");
    }
    let alone = refresh_with_response(&provider, 200, r#"{"refresh_token":"r"}"#).await.unwrap();
    assert!(alone.access_token.is_none() && alone.refresh_token.is_some());
    let bare =
        refresh_with_response(&provider, 200, r#"{"access_token":"a","refresh_token":"","scope":null}"#).await.unwrap();
    assert!(bare.refresh_token.is_none() && bare.scope.is_none());
}
