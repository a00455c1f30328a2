//! Tests of model lists, model names and their suffixes.

use std::collections::BTreeMap;

use goclaw::domain::{
    ids::AccountName,
    model_list::{ProviderModel, read},
    model_ref::{ModelName, ModelNames, ModelRef},
    model_suffix::ModelSuffixes,
};
use serde_json::json;

#[test]
fn both_forms_of_a_model_list_are_read() {
    let entries = json!([
        {"slug": "gpt-5.5", "visibility": "list", "context_window": 272_000, "supports_reasoning_summaries": true},
        {"slug": "review", "visibility": "hide", "supported_reasoning_levels": [{"effort": "low"}]},
        {"slug": "plain", "supported_reasoning_levels": []},
        {"slug": "silent", "supported_reasoning_levels": [{"effort": "low"}], "supports_reasoning_summaries": false},
        {"slug": 7},
    ]);
    let models = read(&json!({ "models": entries })).unwrap();
    let seen: Vec<_> = models
        .iter()
        .map(|model| (model.name.as_str(), model.is_hidden, model.context_length, model.summarizes_reasoning))
        .collect();
    let expected = [
        ("gpt-5.5", false, Some(272_000), Some(true)),
        ("review", true, None, Some(true)),
        ("plain", false, None, Some(false)),
        ("silent", false, None, Some(false)),
    ];
    assert_eq!(seen, expected);
    assert_eq!(models[0].entry.as_ref(), Some(&entries[0]));
    let public =
        json!({"object": "list", "data": [{"id": "qwen", "object": "model", "created": 7, "context_length": 9}]});
    let qwen = ProviderModel {
        created: 7,
        context_length: Some(9),
        summarizes_reasoning: Some(false),
        ..ProviderModel::named("qwen")
    };
    assert_eq!(read(&public), Some(vec![qwen]));
    assert_eq!(read(&json!({"detail": "Not Found"})), None);
}

#[test]
fn the_stored_catalogue_entries_have_at_most_1_mib_together() {
    let entry = |slug: &str| json!({"slug": slug, "base_instructions": "x".repeat(600_000)});
    let models = read(&json!({"models": [entry("a"), entry("b")]})).unwrap();
    assert_eq!(models.iter().map(|model| model.entry.is_some()).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn a_catalogue_entry_has_the_name_that_a_request_may_use() {
    let models = read(&json!({"models": [{"slug": "m", "display_name": "M", "context_window": 5}]})).unwrap();
    let shown = |slug: &str, account, is_second_name| models[0].entry_as(slug, account, is_second_name).unwrap();
    assert_eq!(shown("m", None, false), json!({"slug": "m", "display_name": "M", "context_window": 5}));
    let second = json!({"slug": "a/m", "display_name": "M", "context_window": 5, "visibility": "hide"});
    assert_eq!(shown("a/m", None, true), second);
    assert_eq!(shown("b/m", Some("b"), false)["display_name"], "M (b)");
    assert_eq!(ProviderModel::named("m").entry_as("m", None, false), None);
}

#[test]
fn a_suffix_is_removed_unless_it_belongs_to_the_models_name() {
    let known = ["gpt-5.5", "gpt-5.5-fast", "max-high"].map(ProviderModel::named);
    let suffixes = |effort, is_fast| ModelSuffixes { effort, is_fast };
    for (name, expected) in [
        ("gpt-5.5", Some(("gpt-5.5", suffixes(None, false)))),
        ("gpt-5.5-minimal", Some(("gpt-5.5", suffixes(Some("minimal"), false)))),
        ("gpt-5.5-low", Some(("gpt-5.5", suffixes(Some("low"), false)))),
        ("gpt-5.5-medium", Some(("gpt-5.5", suffixes(Some("medium"), false)))),
        ("gpt-5.5-high", Some(("gpt-5.5", suffixes(Some("high"), false)))),
        ("gpt-5.5-xhigh", Some(("gpt-5.5", suffixes(Some("xhigh"), false)))),
        // A model of this name exists.
        ("gpt-5.5-fast", Some(("gpt-5.5-fast", suffixes(None, false)))),
        ("gpt-5.5-fast-low", Some(("gpt-5.5-fast", suffixes(Some("low"), false)))),
        ("gpt-5.5-low-fast", Some(("gpt-5.5", suffixes(Some("low"), true)))),
        ("max-high", Some(("max-high", suffixes(None, false)))),
        ("max-high-fast", Some(("max-high", suffixes(None, true)))),
        ("max-fast", None),
        ("gpt-5.5-high-low", None),
        ("gpt-5.5-fast-fast", Some(("gpt-5.5-fast", suffixes(None, true)))),
        ("gpt-5.5-huge", None),
        ("-high", None),
    ] {
        assert_eq!(ModelSuffixes::after_known(name, &known), expected, "{name}");
    }
    for (name, expected) in [
        ("gpt-9-high-fast", ("gpt-9", suffixes(Some("high"), true))),
        ("gpt-9-fast-xhigh", ("gpt-9", suffixes(Some("xhigh"), true))),
        ("gpt-9-low-high", ("gpt-9-low", suffixes(Some("high"), false))),
        ("-high", ("-high", suffixes(None, false))),
        ("gpt-9", ("gpt-9", suffixes(None, false))),
    ] {
        assert_eq!(ModelSuffixes::split(name), expected, "{name}");
    }
}

#[test]
fn the_fallback_serves_models_that_clients_request_on_their_own() {
    let fallback = ModelName::parse("gpt-5.5-low").unwrap();
    let names = |fallback| ModelNames {
        agents: BTreeMap::from([("gpt-4o".to_owned(), ModelRef::parse("work/gpt-5.5").unwrap())]),
        default_provider: name("openai-codex"),
        fallback,
    };
    let with_fallback = names(Some(fallback.clone()));
    for (requested, has_fallback) in [
        ("gpt-4o-mini", true),
        ("gpt-4.1-mini", true),
        ("gpt-4.1-nano", true),
        ("gpt-5-mini", true),
        ("gpt-5-nano", true),
        ("gpt-4o", false),
        ("openai-codex/gpt-4o-mini", false),
        ("gpt-4o-mini-high", false),
        ("gpt-4", false),
    ] {
        let requested = ModelName::parse(requested).unwrap();
        assert_eq!(with_fallback.fallback_for(&requested), Some(&fallback).filter(|_| has_fallback), "{requested:?}");
        assert_eq!(names(None).fallback_for(&requested), None);
    }
}

fn name(text: &str) -> AccountName {
    AccountName::parse(text).unwrap()
}

#[test]
fn a_model_name_is_split_only_after_an_account_name() {
    let names = ModelNames {
        agents: BTreeMap::from([("my-agent".to_owned(), ModelRef::parse("work/gpt-5.5").unwrap())]),
        default_provider: name("openai-codex"),
        fallback: None,
    };
    let resolve = |text: &str| {
        let found = names.resolve(&ModelName::parse(text).unwrap(), |provider| {
            ["openai-codex", "work"].contains(&provider.as_str())
        });
        (found.provider.as_str().to_owned(), found.model)
    };
    for (text, provider, model) in [
        ("openai-codex/gpt-5.5", "openai-codex", "gpt-5.5"),
        ("work/a/b", "work", "a/b"),
        ("gpt-5.5", "openai-codex", "gpt-5.5"),
        ("meta/llama", "openai-codex", "meta/llama"),
        ("work/", "work", ""),
        ("openai/gpt-5.5", "openai-codex", "gpt-5.5"),
        ("my-agent", "work", "gpt-5.5"),
    ] {
        assert_eq!(resolve(text), (provider.to_owned(), model.to_owned()), "{text}");
    }
}

#[test]
fn a_model_name_has_1_to_256_bytes() {
    for (length, is_valid) in [(0, false), (1, true), (256, true), (257, false)] {
        assert_eq!(ModelName::parse(&"m".repeat(length)).is_ok(), is_valid, "{length}");
    }
}
