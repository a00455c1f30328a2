//! Lists and names of models.

use std::collections::BTreeMap;

use goclaw::domain::{
    ids::AccountName,
    model_list::read,
    model_ref::{ModelName, ModelNames, ModelRef},
};
use serde_json::json;

#[test]
fn both_forms_are_read() {
    let codex =
        json!({"models": [{"slug": "gpt-5.5", "visibility": "list"}, {"slug": "review", "visibility": "hide"}]});
    assert_eq!(read(&codex), Some(vec![("gpt-5.5".to_owned(), 0)]));
    let public = json!({"object": "list", "data": [{"id": "qwen", "object": "model", "created": 7}]});
    assert_eq!(read(&public), Some(vec![("qwen".to_owned(), 7)]));
    assert_eq!(read(&json!({"detail": "Not Found"})), None);
}

fn name(text: &str) -> AccountName {
    AccountName::parse(text).unwrap()
}

#[test]
fn a_name_is_split_only_after_a_provider() {
    let names = ModelNames {
        agents: BTreeMap::from([("my-agent".to_owned(), ModelRef::parse("work/gpt-5.5").unwrap())]),
        default_provider: name("openai-codex"),
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
fn a_name_has_1_to_256_bytes() {
    for (length, is_valid) in [(0, false), (1, true), (256, true), (257, false)] {
        assert_eq!(ModelName::parse(&"m".repeat(length)).is_ok(), is_valid, "{length}");
    }
}
