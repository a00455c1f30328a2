//! The files of the page: embedded, small, and without requests to other origins.

use std::{fs, io::Read};

use flate2::read::GzDecoder;
use goclaw::{
    adapters::{
        http::{self, GatewayToken, Hosts, RequestIds},
        system::SystemRandom,
        web_ui::endpoint,
    },
    domain::networks::TrustedProxies,
};
use poem::{Endpoint, Request, http::StatusCode};
use tokio_util::sync::CancellationToken;

use crate::support::fakes::TestGateway;

/// Requests every file in the folder of the page and returns its name, content type and text.
async fn served() -> Vec<(String, String, String)> {
    let mut files = Vec::new();
    for file in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/adapters/web_ui/page")).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        let request = Request::builder().uri_str(format!("/page/{name}")).finish();
        let response = endpoint().get_response(request).await;
        assert_eq!(response.status(), StatusCode::OK, "{name} is not embedded");
        let content_type = response.content_type().unwrap().to_owned();
        files.push((name, content_type, response.into_body().into_string().await.unwrap()));
    }
    files
}

#[tokio::test]
async fn every_file_is_embedded_and_the_page_stays_small() {
    let files = served().await;
    for (name, content_type, _) in &files {
        assert_ne!(content_type, "application/octet-stream", "{name}");
    }
    let bytes: usize = files.iter().map(|(_, _, text)| text.len()).sum();
    assert!(bytes > 0 && bytes < 150_000, "{bytes} bytes");
}

#[tokio::test]
async fn page_loads_nothing_from_other_origins() {
    for (name, _, text) in served().await {
        // The SVG namespace is an identifier, not a request.
        let text = text.replace("http://www.w3.org/2000/svg", "");
        for forbidden in ["src=\"http", "href=\"http", "url(http", "@import", "eval(", "innerHTML", "document.write"] {
            assert!(!text.contains(forbidden), "{forbidden} in {name}");
        }
    }
}

#[tokio::test]
async fn static_answers_are_compressed_for_callers_that_accept_it() {
    let gateway = TestGateway::open().await;
    let (token, hosts) = (GatewayToken::new(&"token".into()), Hosts::new([127, 0, 0, 1].into(), &[]));
    let (ids, stop) = (RequestIds::new(&SystemRandom).expect("random bytes"), CancellationToken::new());
    let whole = http::endpoint(&gateway.app, token, hosts, TrustedProxies::default(), ids, endpoint(), stop);
    let get = async |path: &str, accepted: Option<&str>| {
        let request = Request::builder().uri_str(path).header("host", "localhost");
        let request = accepted.iter().fold(request, |request, codings| request.header("accept-encoding", *codings));
        let response = whole.get_response(request.finish()).await;
        assert_eq!((response.status(), response.header("vary")), (StatusCode::OK, Some("accept-encoding")), "{path}");
        let coding = response.header("content-encoding").map(str::to_owned);
        (coding, response.into_body().into_vec().await.unwrap())
    };
    for path in ["/", "/page/app.js", "/docs", "/openapi.json"] {
        let (coding, plain) = get(path, None).await;
        assert_eq!(coding, None, "{path}");
        for refusing in ["identity", "gzip;q=0", "br, deflate;q=0.5", "*"] {
            assert_eq!(get(path, Some(refusing)).await, (None, plain.clone()), "{path} {refusing}");
        }
        for accepting in ["gzip", "br;q=1.0, GZIP; q=0.5, *;q=0.1"] {
            let (coding, compressed) = get(path, Some(accepting)).await;
            let mut text = Vec::new();
            GzDecoder::new(&*compressed).read_to_end(&mut text).expect("gzip");
            assert!(coding.as_deref() == Some("gzip") && text == plain, "{path} {accepting}");
            assert!(compressed.len() * 10 < plain.len() * 7, "{path}: {} of {}", compressed.len(), plain.len());
        }
    }
}
