//! Reads a provider's list of models in the two known forms.

use serde_json::Value;

/// The maximum total size of the catalogue entries that are kept of one list, in bytes of JSON.
const MAX_CATALOG_BYTES: usize = 1024 * 1024;

/// A model as its provider lists it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProviderModel {
    pub name: String,
    /// The creation time in Unix seconds; 0 if the provider does not report it.
    pub created: i64,
    /// Whether the provider hides the model from users. Requests may still name it.
    pub is_hidden: bool,
    /// The size of the context window in tokens, if the provider reports it.
    pub context_length: Option<u64>,
    /// Whether the model can summarize its reasoning: as the provider reports, or else if it has reasoning levels. None
    /// if only the name is known.
    pub summarizes_reasoning: Option<bool>,
    /// The entry in the Codex backend's catalogue. None for other providers, and beyond [`MAX_CATALOG_BYTES`].
    pub entry: Option<Value>,
}

impl ProviderModel {
    /// Returns a model of which only the name is known.
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    fn read(entry: &Value, name: &str) -> Option<Self> {
        let number = |names: [&str; 2]| names.into_iter().find_map(|name| entry.get(name)?.as_u64());
        let levels = entry.get("supported_reasoning_levels").and_then(Value::as_array);
        let summaries = entry.get("supports_reasoning_summaries").and_then(Value::as_bool);
        Some(Self {
            name: entry.get(name)?.as_str()?.to_owned(),
            created: entry.get("created").and_then(Value::as_i64).unwrap_or(0),
            is_hidden: entry.get("visibility").and_then(Value::as_str).is_some_and(|value| value != "list"),
            context_length: number(["context_window", "context_length"]),
            summarizes_reasoning: Some(summaries.unwrap_or_else(|| levels.is_some_and(|levels| !levels.is_empty()))),
            entry: None,
        })
    }

    /// Returns the catalogue entry under the name `slug`; None if there is no entry. Adds `account` to the display
    /// name, to distinguish models of the same name. Hides a second name, so that users see each model once.
    pub fn entry_as(&self, slug: &str, account: Option<&str>, is_second_name: bool) -> Option<Value> {
        let mut entry = self.entry.clone()?;
        let members = entry.as_object_mut()?;
        members.insert("slug".to_owned(), slug.into());
        if let Some(account) = account {
            let name = members.get("display_name").and_then(Value::as_str).unwrap_or(&self.name);
            let name = format!("{name} ({account})");
            members.insert("display_name".to_owned(), name.into());
        }
        if is_second_name {
            members.insert("visibility".to_owned(), "hide".into());
        }
        Some(entry)
    }
}

/// Reads OpenAI's form (`data`, by `id`) or that of the Codex backend (`models`, by `slug`). None for any other form.
pub fn read(response: &Value) -> Option<Vec<ProviderModel>> {
    let list = |name: &str| response.get(name).and_then(Value::as_array);
    let Some(catalog) = list("models") else {
        return Some(list("data")?.iter().filter_map(|entry| ProviderModel::read(entry, "id")).collect());
    };
    let mut size = 0;
    let with_entry = |entry: &Value| {
        let model = ProviderModel::read(entry, "slug")?;
        size += entry.to_string().len();
        Some(ProviderModel { entry: (size <= MAX_CATALOG_BYTES).then(|| entry.clone()), ..model })
    };
    Some(catalog.iter().filter_map(with_entry).collect())
}
