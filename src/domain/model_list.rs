//! Reads a provider's list of models in both known forms.

use serde_json::Value;

/// Returns the name and creation time of each model (Unix seconds, 0 if missing). Reads OpenAI's public form (`data`,
/// by `id`) and that of ChatGPT's Codex backend (`models`, by `slug`), without its hidden models. None for any other
/// form.
pub fn read(response: &Value) -> Option<Vec<(String, i64)>> {
    let list = |name: &str| response.get(name).and_then(Value::as_array);
    let (models, name) = list("models").map(|models| (models, "slug")).or_else(|| Some((list("data")?, "id")))?;
    let is_listed =
        |model: &&Value| model.get("visibility").and_then(Value::as_str).is_none_or(|value| value == "list");
    let entry = |model: &Value| {
        let created = model.get("created").and_then(Value::as_i64).unwrap_or(0);
        Some((model.get(name)?.as_str()?.to_owned(), created))
    };
    Some(models.iter().filter(is_listed).filter_map(entry).collect())
}
