//! Sends a request and reads the response, with limits. A response that does not come from a gateway is an error.

use std::{error::Error, io, time::Duration};

use reqwest::{
    Method, RequestBuilder, Response, StatusCode,
    header::{AUTHORIZATION, HeaderValue},
    redirect, retry,
};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    address::GatewayAddress,
    error::{Cause, CliError, TokenLookup},
};
use crate::adapters::contract::Problem;

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// Exceeds the gateway's slowest operation: `refresh` may wait for another replica's call and then make its own.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// Exceeds every response of the gateway: lists are paged.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// A response: its text (for `--json`) and the parsed body.
#[derive(Debug)]
pub(super) struct Answer<T> {
    pub(super) raw: String,
    pub(super) body: T,
}

#[derive(Debug)]
pub(super) struct Transport {
    http: reqwest::Client,
    address: GatewayAddress,
    authorization: Option<HeaderValue>,
    /// Printed as advice after a 401.
    token: TokenLookup,
}

impl Transport {
    pub(super) fn new(
        address: GatewayAddress,
        authorization: Option<HeaderValue>,
        token: TokenLookup,
    ) -> Result<Self, CliError> {
        let mut http = reqwest::Client::builder()
            .connect_timeout(CONNECT_WITHIN)
            .timeout(ANSWER_WITHIN)
            // A redirect would forward the token, and a retry would submit an authorization code twice.
            .redirect(redirect::Policy::none())
            .retry(retry::never());
        if address.is_on_this_machine() {
            // Requests to this machine must not go through a configured proxy.
            http = http.no_proxy();
        }
        if !address.is_encrypted() {
            // Plain HTTP needs no certificates, so a machine without a certificate store works too.
            http = http.tls_certs_only([]);
        }
        let http = http.build().map_err(CliError::HttpSetup)?;
        Ok(Self { http, address, authorization, token })
    }

    pub(super) fn address(&self) -> &GatewayAddress {
        &self.address
    }

    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        body: Option<&(impl Serialize + Sync)>,
    ) -> Result<Answer<T>, CliError> {
        self.send(self.http.request(method, self.address.endpoint(path)), body).await
    }

    /// Requests one page of a list.
    pub(super) async fn page<T: DeserializeOwned>(
        &self,
        path: &[&str],
        cursor: Option<&str>,
    ) -> Result<Answer<T>, CliError> {
        let mut url = self.address.endpoint(path);
        url.query_pairs_mut().append_pair("limit", "500").extend_pairs(cursor.map(|cursor| ("cursor", cursor)));
        self.send(self.http.get(url), None::<&()>).await
    }

    async fn send<T: DeserializeOwned>(
        &self,
        mut request: RequestBuilder,
        body: Option<&(impl Serialize + Sync)>,
    ) -> Result<Answer<T>, CliError> {
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        let bytes = self.read(response).await?;
        if !status.is_success() {
            return Err(self.refusal(status, &bytes));
        }
        let not_a_gateway = || self.invalid(status, "but the body is not the expected JSON");
        let raw = String::from_utf8(bytes).ok().ok_or_else(not_a_gateway)?;
        let body = serde_json::from_str(&raw).ok().ok_or_else(not_a_gateway)?;
        Ok(Answer { raw, body })
    }

    async fn read(&self, mut response: Response) -> Result<Vec<u8>, CliError> {
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unreachable(&error))? {
            if bytes.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(self.invalid(response.status(), "but the body is too large"));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    fn refusal(&self, status: StatusCode, bytes: &[u8]) -> CliError {
        let problem = serde_json::from_slice::<Problem>(bytes).ok();
        if status == StatusCode::UNAUTHORIZED {
            // If no token was sent, the gateway's message about HTTP headers does not help a CLI user.
            let sent_one = !matches!(self.token, TokenLookup::Missing | TokenLookup::MissingFile(_));
            let reported = problem.filter(|_| sent_one).map(|problem| problem.error);
            let message = reported.unwrap_or_else(|| "the gateway wants its token".to_owned());
            return CliError::Unauthorized { message, token: self.token.clone() };
        }
        match problem {
            Some(Problem { error: message, detail, .. }) => {
                let detail = Some(detail).filter(|detail| *detail != message);
                CliError::Refused { message, detail, status: status.as_u16() }
            }
            None if status.is_redirection() => self.invalid(status, "a redirect"),
            None => self.invalid(status, "but the body is not a gateway's error"),
        }
    }

    fn invalid(&self, status: StatusCode, answer: &'static str) -> CliError {
        CliError::InvalidAnswer { url: self.address.shown().to_owned(), answer, status: status.as_u16() }
    }

    fn unreachable(&self, error: &reqwest::Error) -> CliError {
        CliError::Unreachable {
            url: self.address.shown().to_owned(),
            cause: cause(error),
            on_this_machine: self.address.is_on_this_machine(),
        }
    }
}

/// Returns the root cause without the address, which [`CliError::Unreachable`] contains already.
fn cause(error: &reqwest::Error) -> Cause {
    if error.is_timeout() {
        return if error.is_connect() {
            Cause::ConnectTimeout(CONNECT_WITHIN.as_secs())
        } else {
            Cause::AnswerTimeout(ANSWER_WITHIN.as_secs())
        };
    }
    let mut deepest: &dyn Error = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    match deepest.downcast_ref::<io::Error>().map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => Cause::ConnectionRefused,
        _ => Cause::Other(deepest.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use secrecy::SecretString;

    use super::*;
    use crate::{
        adapters::{
            cli::{Connection, client::GatewayClient},
            contract::{AuthStatus, ProblemKind},
        },
        domain::ids::AccountName,
    };

    /// Calls `status` on a server that sends `answer`; also returns the request.
    async fn status_from(answer: &str) -> (Result<Answer<AuthStatus>, CliError>, String) {
        rustls::crypto::ring::default_provider().install_default().ok();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let connection = Connection {
            url: format!("http://{}", listener.local_addr().unwrap()),
            token: Some(SecretString::from("canary")),
            token_file: None,
        };
        let client = GatewayClient::new(connection).unwrap();
        assert!(!format!("{client:?}").contains("canary"));
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).await.unwrap();
            // The client closes the connection if the response is too long.
            stream.write_all(answer.as_bytes()).await.ok();
            String::from_utf8(request[..length].to_vec()).unwrap()
        };
        let provider = AccountName::parse("openai").unwrap();
        tokio::join!(client.status(&provider), serve)
    }

    fn http(status: &str, body: &str) -> String {
        format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
    }

    #[tokio::test]
    async fn the_token_is_sent_in_one_header_and_the_raw_body_is_kept() {
        let (answer, request) = status_from(&http("200 OK", r#"{"state":"absent", "authenticated":false}"#)).await;
        assert_eq!(answer.unwrap().raw, r#"{"state":"absent", "authenticated":false}"#);
        assert!(request.starts_with("GET /v1/auth/openai/status HTTP/1.1\r\n"), "{request}");
        assert_eq!(request.matches("canary").count(), 1);
        assert!(request.to_lowercase().contains("\r\nauthorization: bearer canary\r\n"), "{request}");
    }

    #[tokio::test]
    async fn a_problem_shows_its_message() {
        let problem = Problem::new(ProblemKind::UnknownProvider, "unknown provider: xyz");
        let problem = serde_json::to_string(&problem).unwrap();
        let (answer, _) = status_from(&http("404 Not Found", &problem)).await;
        let error = answer.unwrap_err();
        assert_eq!(error.to_string(), "unknown provider: xyz");
        assert!(matches!(error, CliError::Refused { status: 404, detail: None, .. }));
        let (answer, _) = status_from(&http("401 Unauthorized", "")).await;
        assert!(matches!(answer, Err(CliError::Unauthorized { token: TokenLookup::FoundInEnvironment, .. })));
    }

    #[tokio::test]
    async fn responses_that_are_not_a_gateways_are_rejected() {
        for answer in [
            http("200 OK", "<html>hello</html>"),
            http("200 OK", "{}"),
            http("502 Bad Gateway", "<html></html>"),
            "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n".to_owned(),
            http("200 OK", &format!("{{\"authenticated\":true,\"x\":\"{}\"}}", "x".repeat(MAX_ANSWER_BYTES))),
        ] {
            let error = status_from(&answer).await.0.unwrap_err();
            assert_eq!(error.to_string(), "invalid response from gateway");
        }
    }

    #[tokio::test]
    async fn a_refused_connection_is_unreachable() {
        rustls::crypto::ring::default_provider().install_default().ok();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let client = GatewayClient::new(Connection { url: url.clone(), token: None, token_file: None }).unwrap();
        let error = client.providers().await.unwrap_err();
        assert_eq!(error.to_string(), format!("cannot reach gateway at {url}"));
        assert!(matches!(error, CliError::Unreachable { cause: Cause::ConnectionRefused, .. }), "{error:?}");
    }
}
