//! The files of the page: embedded, small, and without requests to other origins.

use std::fs;

use goclaw::adapters::web_ui::endpoint;
use poem::{Endpoint, Request, http::StatusCode};

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
