//! Tests that the committed OpenAPI document matches the code and suits client generators.

use std::collections::BTreeSet;

use goclaw::adapters::http::openapi_document;
use serde_json::Value;

const COMMITTED: &str = include_str!("../../openapi/v1.json");

#[test]
fn the_committed_document_matches_the_code() {
    assert!(
        COMMITTED == openapi_document(),
        "stale: run `cargo run -- openapi > openapi/v1.json` and commit the result"
    );
}

#[test]
fn every_operation_has_an_id_a_tag_a_summary_and_a_401() {
    let mut ids = BTreeSet::new();
    for (path, method, operation) in operations() {
        let place = format!("{method} {path}");
        let id = operation["operationId"].as_str().unwrap_or_default();
        assert!(!id.is_empty() && ids.insert(id.to_owned()), "{place}: operationId `{id}` is missing or taken");
        assert!(operation["tags"][0].is_string(), "{place}: no tag");
        assert!(operation["summary"].is_string(), "{place}: no summary");
        if path.starts_with("/v1/") {
            assert!(operation["security"][0].get("GatewayToken").is_some(), "{place}: does not require the token");
            assert!(operation["responses"].get("401").is_some(), "{place}: does not declare 401");
        }
    }
}

/// The framework emits a key twice when two responses share a status. A parser silently keeps one of them.
#[test]
fn no_response_status_appears_twice() {
    let mut objects: Vec<(usize, BTreeSet<&str>)> = Vec::new();
    for line in COMMITTED.lines() {
        let depth = line.len() - line.trim_start().len();
        objects.retain(|(seen_at, _)| *seen_at <= depth);
        let Some((key, _)) = line.trim_start().strip_prefix('"').and_then(|rest| rest.split_once("\":")) else {
            continue;
        };
        match objects.last_mut() {
            Some((seen_at, keys)) if *seen_at == depth => assert!(keys.insert(key), "`{key}` twice: {line}"),
            _ => objects.push((depth, BTreeSet::from([key]))),
        }
    }
}

#[test]
fn every_operation_lists_the_errors_of_its_path_its_body_and_its_api() {
    for (path, method, operation) in operations().into_iter().filter(|(path, _, _)| path.starts_with("/v1/")) {
        let lists = |status: &str| operation["responses"].get(status).is_some();
        let is_openai = ["Models", "Proxy"].contains(&operation["tags"][0].as_str().unwrap_or_default());
        assert!(!path.contains('{') || lists("400"), "{method} {path}: a parameter may be invalid UTF-8");
        assert!(operation.get("requestBody").is_none() || lists("408"), "{method} {path}: the body may time out");
        assert!(!is_openai || lists("426"), "{method} {path}: a WebSocket is refused");
    }
}

/// Operations may share a response. This test finds a shared response with the error form of the other API.
#[test]
fn every_error_has_the_form_of_its_api() {
    let document: Value = serde_json::from_str(COMMITTED).expect("the document is JSON");
    for (path, method, operation) in operations().into_iter().filter(|(path, _, _)| path.starts_with("/v1/")) {
        let tag = operation["tags"][0].as_str().unwrap_or_default();
        let form = if ["Models", "Proxy"].contains(&tag) { "OpenAiErrorBody" } else { "Problem" };
        for (status, response) in operation["responses"].as_object().expect("responses") {
            let shared = response["$ref"].as_str().map(|reference| reference.trim_start_matches('#'));
            let response = shared.and_then(|pointer| document.pointer(pointer)).unwrap_or(response);
            let is_error = status.starts_with(['4', '5']);
            for (media, content) in response["content"].as_object().into_iter().flatten().filter(|_| is_error) {
                let schema = &content["schema"]["$ref"];
                assert_eq!(schema, &format!("#/components/schemas/{form}"), "{method} {path} {status} {media}");
            }
        }
    }
}

/// Some generators support `allOf` for objects only. The framework writes it for an enum with a description.
#[test]
fn no_schema_is_composed() {
    assert!(!COMMITTED.contains("\"allOf\""));
}

/// Returns path, method and operation for each entry of the committed document.
pub(crate) fn operations() -> Vec<(String, String, Value)> {
    let document: Value = serde_json::from_str(COMMITTED).expect("the document is JSON");
    let paths = document["paths"].as_object().expect("an object of paths").clone();
    paths
        .into_iter()
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().expect("a path has methods").clone();
            methods.into_iter().map(move |(method, operation)| (path.clone(), method, operation))
        })
        .collect()
}
