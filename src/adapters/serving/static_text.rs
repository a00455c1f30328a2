//! A constant text as a response. All responses share its bytes, which are compressed once.

use std::{io::Read, sync::OnceLock};

use bytes::Bytes;
use flate2::{Compression, read::GzEncoder};
use poem::{
    Request, Response,
    http::{HeaderMap, HeaderValue, header},
};

const GZIP: HeaderValue = HeaderValue::from_static("gzip");

pub struct StaticText {
    content_type: &'static str,
    plain: Bytes,
    /// Compressed for the first caller that accepts gzip; `Some(None)` if that failed.
    gzip: OnceLock<Option<Bytes>>,
}

impl StaticText {
    pub fn new(content_type: &'static str, text: impl Into<Bytes>) -> Self {
        Self { content_type, plain: text.into(), gzip: OnceLock::new() }
    }

    /// Returns a response with the text, compressed if the caller accepts gzip.
    pub fn response(&self, request: &Request) -> Response {
        let compressed = accepts_gzip(request.headers()).then(|| self.gzip.get_or_init(|| gzip(&self.plain)));
        let response = Response::builder().content_type(self.content_type).header(header::VARY, "accept-encoding");
        match compressed {
            Some(Some(bytes)) => response.header(header::CONTENT_ENCODING, GZIP).body(bytes.clone()),
            Some(None) | None => response.body(self.plain.clone()),
        }
    }
}

fn gzip(plain: &[u8]) -> Option<Bytes> {
    let mut bytes = Vec::new();
    GzEncoder::new(plain, Compression::default()).read_to_end(&mut bytes).ok()?;
    Some(bytes.into())
}

/// Returns whether `Accept-Encoding` lists gzip (RFC 9110, section 12.5.3). `*` does not count as gzip.
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let mut codings = values.flat_map(|value| value.split(','));
    codings.any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, "q=1"));
        let weight = weight.trim().trim_start_matches(['q', 'Q', '=']).parse().unwrap_or(0.0);
        name.trim().eq_ignore_ascii_case("gzip") && weight > 0.0
    })
}
