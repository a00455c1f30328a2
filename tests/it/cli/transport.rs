//! Tests of the command line's HTTP client against a server that sends scripted responses.

use goclaw::{
    adapters::{
        cli::{
            Connection,
            client::GatewayClient,
            error::{Cause, CliError, TokenLookup},
            transport::{ApiResult, MAX_RESPONSE_BYTES},
        },
        contract::{AuthStatus, Problem, ProblemKind},
    },
    domain::ids::AccountName,
};
use secrecy::SecretString;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

/// Returns a client and the listener of its gateway.
async fn client(token: Option<&str>) -> (GatewayClient, TcpListener) {
    rustls::crypto::ring::default_provider().install_default().ok();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let connection = Connection { url, token: token.map(SecretString::from), ..Connection::default() };
    (GatewayClient::new(&connection).unwrap(), listener)
}

/// Accepts a connection, sends `response` and returns the request.
async fn respond(listener: &TcpListener, response: &str) -> String {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut request = vec![0; 4096];
    let length = stream.read(&mut request).await.unwrap();
    // The client closes the connection if the response is too long.
    stream.write_all(response.as_bytes()).await.ok();
    String::from_utf8(request[..length].to_vec()).unwrap()
}

/// Calls `status` on a server that sends `response`; also returns the request.
async fn status_from(response: &str) -> (ApiResult<AuthStatus>, String) {
    let (client, listener) = client(Some("canary")).await;
    assert!(!format!("{client:?}").contains("canary"));
    let account = AccountName::parse("openai").unwrap();
    tokio::join!(client.status(&account), respond(&listener, response))
}

fn http_response(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

#[tokio::test]
async fn the_token_is_sent_in_one_header_and_the_raw_body_is_kept() {
    let (response, request) =
        status_from(&http_response("200 OK", r#"{"state":"absent", "authenticated":false}"#)).await;
    assert_eq!(response.unwrap().raw, r#"{"state":"absent", "authenticated":false}"#);
    assert!(request.starts_with("GET /v1/auth/openai/status HTTP/1.1\r\n"), "{request}");
    assert_eq!(request.matches("canary").count(), 1);
    assert!(request.to_lowercase().contains("\r\nauthorization: bearer canary\r\n"), "{request}");
}

#[tokio::test]
async fn a_problem_shows_its_message() {
    let problem = Problem::new(ProblemKind::UnknownProvider, "unknown provider: xyz");
    let problem = serde_json::to_string(&problem).unwrap();
    let error = status_from(&http_response("404 Not Found", &problem)).await.0.unwrap_err();
    assert_eq!(error.to_string(), "unknown provider: xyz");
    assert!(matches!(error, CliError::Refused { status: 404, detail: None, .. }));
    let (response, _) = status_from(&http_response("401 Unauthorized", "")).await;
    assert!(matches!(response, Err(CliError::Unauthorized { token: TokenLookup::FoundInEnvironment, .. })));
}

#[tokio::test]
async fn responses_that_are_not_from_a_gateway_are_rejected() {
    for response in [
        http_response("200 OK", "<html>hello</html>"),
        http_response("200 OK", "{}"),
        http_response("502 Bad Gateway", "<html></html>"),
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n".to_owned(),
        http_response("200 OK", &format!("{{\"authenticated\":true,\"x\":\"{}\"}}", "x".repeat(MAX_RESPONSE_BYTES))),
    ] {
        let error = status_from(&response).await.0.unwrap_err();
        assert_eq!(error.to_string(), "invalid response from gateway");
    }
}

#[tokio::test]
async fn a_refused_connection_is_unreachable() {
    let (client, listener) = client(None).await;
    drop(listener);
    let error = client.providers().await.unwrap_err();
    assert_eq!(error.to_string(), format!("cannot reach gateway at {}", client.url()));
    assert!(matches!(error, CliError::Unreachable { source: Cause::ConnectionRefused, .. }), "{error:?}");
}

#[tokio::test]
async fn an_https_address_of_a_server_without_tls_is_named_as_the_cause() {
    let (_, listener) = client(None).await;
    let url = format!("https://{}", listener.local_addr().unwrap());
    let client = GatewayClient::new(&Connection { url, ..Connection::default() }).unwrap();
    let account = AccountName::parse("openai").unwrap();
    let plain = http_response("400 Bad Request", "");
    let (failed, _) = tokio::join!(client.status(&account), async {
        let (mut stream, _) = listener.accept().await.unwrap();
        assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
        stream.write_all(plain.as_bytes()).await.ok();
    });
    assert!(matches!(failed, Err(CliError::Unreachable { source: Cause::NotTls, .. })), "{:?}", failed.err());
}

#[tokio::test]
async fn a_list_of_6000_providers_is_read_page_by_page() {
    let (client, listener) = client(None).await;
    let serve = async {
        let mut requests = Vec::new();
        for page in 1..=12 {
            // Longer than any account name, so that a page is large.
            let name = "x".repeat(300);
            let provider = format!(
                r#"{{"name":"{name}","display_name":"Suno","provider_type":"suno","category":"media","auth_methods":[],
                    "api_base":"","enabled":true,"state":"absent","authenticated":false}}"#
            );
            let next = if page < 12 { format!(r#","next_cursor":"page {page}""#) } else { String::new() };
            let body = format!(r#"{{"providers":[{}]{next}}}"#, vec![provider; 500].join(","));
            requests.push(respond(&listener, &http_response("200 OK", &body)).await);
        }
        requests
    };
    let (list, requests) = tokio::join!(client.providers(), serve);
    assert_eq!(list.unwrap().providers.len(), 6_000);
    assert!(requests[0].starts_with("GET /v1/providers?limit=500 "), "{}", requests[0]);
    assert!(requests[11].starts_with("GET /v1/providers?limit=500&cursor=page+11 "), "{}", requests[11]);
}

#[test]
fn a_token_that_is_not_a_header_value_is_rejected_without_being_shown() {
    let (url, token) = ("http://127.0.0.1:1".to_owned(), Some(SecretString::from("canary\n")));
    let error = GatewayClient::new(&Connection { url, token, ..Connection::default() }).unwrap_err();
    assert!(matches!(error, CliError::InvalidToken));
    assert!(!format!("{error} {error:?}").contains("canary"));
}
