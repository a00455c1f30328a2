//! An HTTP response that was read to its end.

use reqwest::header::HeaderMap;
use serde_json::Value;

pub(crate) struct HttpResponse {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// The final address after redirects.
    pub(crate) url: String,
    pub(crate) text: String,
    /// Whether the connection broke before the end of the body.
    pub(crate) is_broken: bool,
}

impl HttpResponse {
    pub(crate) async fn of(mut response: reqwest::Response) -> Self {
        let mut body = Vec::new();
        let is_broken = loop {
            match response.chunk().await {
                Ok(Some(piece)) => body.extend_from_slice(&piece),
                Ok(None) => break false,
                Err(_broken) => break true,
            }
        };
        Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            url: response.url().to_string(),
            text: String::from_utf8_lossy(&body).into_owned(),
            is_broken,
        }
    }

    /// Parses the body; returns null if it is not JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().expect("a readable header")).unwrap_or_default()
    }
}
