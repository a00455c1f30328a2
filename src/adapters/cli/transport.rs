//! Sends a request to the gateway and reads the response, with limits on time and size.

use std::{error::Error, fs, io, iter, time::Duration};

use reqwest::{
    Certificate, Method, RequestBuilder, Response, StatusCode,
    header::{AUTHORIZATION, HeaderValue},
    redirect, retry,
};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    Connection,
    address::GatewayAddress,
    error::{Cause, CliError, TokenLookup},
};
use crate::adapters::contract::Problem;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The slowest operation is `refresh`: it may wait for another refresh and then run its own.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(150);
/// Maximum size of a response body. A page of 500 accounts or tokens with long names stays far below it.
pub const MAX_RESPONSE_BYTES: usize = 16 * 1024 * 1024;

/// A response: its text (for `--json`) and the parsed body.
#[derive(Debug)]
pub struct ApiResponse<T> {
    pub raw: String,
    pub body: T,
}

pub type ApiResult<T> = Result<ApiResponse<T>, CliError>;

#[derive(Debug)]
pub struct Transport {
    pub address: GatewayAddress,
    http: reqwest::Client,
    authorization: Option<HeaderValue>,
    /// The advice to print after a 401.
    token_lookup: TokenLookup,
    is_on_this_machine: bool,
}

impl Transport {
    pub fn new(
        address: GatewayAddress,
        connection: &Connection,
        authorization: Option<HeaderValue>,
        token_lookup: TokenLookup,
    ) -> Result<Self, CliError> {
        let is_on_this_machine = address.is_on_this_machine() || connection.reached_at.is_some();
        let mut http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(RESPONSE_TIMEOUT)
            // A redirect could forward the token, and a retry could submit an authorization code twice.
            .redirect(redirect::Policy::none())
            .retry(retry::never());
        if let Some(listener) = connection.reached_at {
            let (name, _) = address.host_and_port();
            http = http.resolve(name, listener);
        }
        if is_on_this_machine {
            // Requests to this machine must not go through a configured proxy.
            http = http.no_proxy();
        }
        if !address.is_encrypted() {
            // Plain HTTP needs no certificates, so a machine without a certificate store works too.
            http = http.tls_certs_only([]);
        } else if let Some(path) = &connection.ca_file {
            let bundle = fs::read(path).map_err(|source| CliError::CaFile { path: path.to_owned(), source })?;
            http = http.tls_certs_merge(Certificate::from_pem_bundle(&bundle).map_err(CliError::HttpSetup)?);
        }
        let http = http.build().map_err(CliError::HttpSetup)?;
        Ok(Self { address, http, authorization, token_lookup, is_on_this_machine })
    }

    pub async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        body: Option<&(impl Serialize + Sync)>,
    ) -> ApiResult<T> {
        let request = self.http.request(method, self.address.endpoint(path));
        self.send(if let Some(body) = body { request.json(body) } else { request }).await
    }

    pub async fn delete<T: DeserializeOwned>(&self, path: &[&str], query: (&str, &str)) -> ApiResult<T> {
        let mut url = self.address.endpoint(path);
        url.query_pairs_mut().append_pair(query.0, query.1);
        self.send(self.http.delete(url)).await
    }

    /// Reads the pages of a list until it has `limit` items. `split` returns the items of a page and the cursor of the
    /// next page.
    pub async fn list<P: DeserializeOwned, T>(
        &self,
        path: &[&str],
        query: &[(&str, String)],
        limit: usize,
        split: impl Fn(P) -> (Vec<T>, Option<String>),
    ) -> Result<Vec<T>, CliError> {
        let (mut items, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let mut url = self.address.endpoint(path);
            url.query_pairs_mut()
                .append_pair("limit", "500")
                .extend_pairs(query)
                .extend_pairs(cursor.map(|cursor| ("cursor", cursor)));
            let (page, next) = split(self.send(self.http.get(url)).await?.body);
            items.extend(page);
            if next.is_none() || items.len() >= limit {
                items.truncate(limit);
                return Ok(items);
            }
            cursor = next;
        }
    }

    async fn send<T: DeserializeOwned>(&self, mut request: RequestBuilder) -> ApiResult<T> {
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
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
        Ok(ApiResponse { raw, body })
    }

    async fn read(&self, mut response: Response) -> Result<Vec<u8>, CliError> {
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unreachable(&error))? {
            if bytes.len() + chunk.len() > MAX_RESPONSE_BYTES {
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
            let token_was_sent = self.authorization.is_some();
            let reported = problem.filter(|_| token_was_sent).map(|problem| problem.error);
            let message = reported.unwrap_or_else(|| "the gateway requires its token".to_owned());
            return CliError::Unauthorized { message, token: self.token_lookup.clone() };
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

    fn invalid(&self, status: StatusCode, problem: &'static str) -> CliError {
        CliError::InvalidResponse { url: self.address.as_str().to_owned(), problem, status: status.as_u16() }
    }

    fn unreachable(&self, error: &reqwest::Error) -> CliError {
        CliError::Unreachable {
            url: self.address.as_str().to_owned(),
            source: cause(error),
            on_this_machine: self.is_on_this_machine,
        }
    }
}

/// Returns the root cause without the address, because [`CliError::Unreachable`] contains the address already.
fn cause(error: &reqwest::Error) -> Cause {
    if error.is_timeout() && error.is_connect() {
        return Cause::ConnectTimeout(CONNECT_TIMEOUT.as_secs());
    }
    if error.is_timeout() {
        return Cause::ResponseTimeout(RESPONSE_TIMEOUT.as_secs());
    }
    let root = iter::successors(error.source(), |&cause| cause.source()).last();
    let text = root.map_or_else(|| error.to_string(), ToString::to_string);
    // The types of rustls' errors are private to the client, so match their messages.
    if let Some(why) = text.strip_prefix("invalid peer certificate: ") {
        return Cause::Certificate(why.to_owned());
    }
    match root.and_then(|root| root.downcast_ref::<io::Error>()).map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => Cause::ConnectionRefused,
        // rustls' error for bytes that are no TLS record.
        _ if text.contains("InvalidContentType") => Cause::NotTls,
        _ => Cause::Other(text),
    }
}
