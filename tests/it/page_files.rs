//! Tests of the page's files and of the API reference: they are small, compressed, and load nothing from other origins.

use std::{collections::BTreeSet, fs, io::Read};

use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::read::GzDecoder;
use goclaw::{
    adapters::{
        http::{self, Accepted, GatewayToken, Hosts, Origins, RequestIds, openapi_document},
        system::SystemRandom,
        web_ui::endpoint,
    },
    domain::networks::TrustedProxies,
};
use poem::{Endpoint, Request, Response, http::StatusCode};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use crate::support::fakes::TestGateway;

/// Returns the endpoint of the API and the page.
fn whole_endpoint(gateway: &TestGateway) -> impl Endpoint<Output = Response> + use<> {
    let (token, hosts) = (GatewayToken::new(&"token".into()), Hosts::new([127, 0, 0, 1].into(), &[]));
    let (ids, stop) = (RequestIds::new(&SystemRandom).expect("random bytes"), CancellationToken::new());
    let accepted =
        Accepted { hosts, origins: Origins::default(), proxies: TrustedProxies::default(), public_url: None };
    http::endpoint(&gateway.app, token, accepted, ids, endpoint(), stop)
}

/// Requests every file in the folder of the page and returns its name, content type and text.
async fn request_files() -> Vec<(String, String, String)> {
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
    let files = request_files().await;
    for (name, content_type, _) in &files {
        assert_ne!(content_type, "application/octet-stream", "{name}");
    }
    let bytes: usize = files.iter().map(|(_, _, text)| text.len()).sum();
    assert!(bytes > 0 && bytes < 150_000, "{bytes} bytes");
}

/// Returns the value of each attribute `name`, without the quotes.
fn attributes<'a>(html: &'a str, name: &str) -> BTreeSet<&'a str> {
    let start = format!(" {name}=\"");
    html.split(&start).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[tokio::test]
async fn the_api_reference_runs_no_script_and_lists_every_operation() {
    let gateway = TestGateway::open().await;
    let whole = whole_endpoint(&gateway);
    let request = Request::builder().uri_str("/docs").header("host", "localhost").finish();
    let response = whole.get_response(request).await;
    let policy = response.header("content-security-policy").expect("a policy").to_owned();
    let html = response.into_body().into_string().await.unwrap();
    let (_, style) = html.split_once("<style>").expect("a style");
    let (style, _) = style.split_once("</style>").expect("its end");
    let hash = STANDARD.encode(Sha256::digest(style));
    let expected = format!("style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    assert_eq!(policy, format!("default-src 'none'; {expected}"));
    for forbidden in ["<script", "<iframe", "<form", "javascript:", " src=", " style=", " onload=", " onclick="] {
        assert!(!html.contains(forbidden), "{forbidden}");
    }
    let document: Value = serde_json::from_str(&openapi_document()).unwrap();
    let operations =
        document["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap().values());
    let ids = attributes(&html, "id");
    for operation in operations {
        assert!(ids.contains(operation["operationId"].as_str().unwrap()), "{operation}");
    }
    for link in attributes(&html, "href") {
        assert!(link == "openapi.json" || ids.contains(link.trim_start_matches('#')), "{link} leads nowhere");
    }
    assert!(html.len() < 200_000, "{} bytes", html.len());
}

#[tokio::test]
async fn the_page_loads_nothing_from_other_origins() {
    for (name, _, text) in request_files().await {
        // The SVG namespace is an identifier, not a request.
        let text = text.replace("http://www.w3.org/2000/svg", "");
        for forbidden in ["src=\"http", "href=\"http", "url(http", "@import", "eval(", "innerHTML", "document.write"] {
            assert!(!text.contains(forbidden), "{forbidden} in {name}");
        }
    }
}

#[tokio::test]
async fn static_responses_are_compressed_for_callers_that_accept_it() {
    let gateway = TestGateway::open().await;
    let whole = whole_endpoint(&gateway);
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
