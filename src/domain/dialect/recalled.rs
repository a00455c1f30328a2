//! The items of earlier responses: those that a request refers to, and those that later requests may refer to.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashSet},
};

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::{
    members::MAX_JSON_AS_TEXT,
    raw_json::{List, Text},
};

/// For a request that refers to no earlier response.
pub static NOTHING_RECALLED: Recalled =
    Recalled { earlier: Vec::new(), items: BTreeMap::new(), reasoning: BTreeMap::new() };

/// Items of earlier responses.
#[derive(Debug, Default)]
pub struct Recalled {
    /// The inputs and outputs before this request, as JSON arrays of items, oldest first.
    pub earlier: Vec<String>,
    /// Single items as JSON, by their ids.
    pub items: BTreeMap<String, String>,
    /// The reasoning items that preceded calls, by the ids of the calls.
    pub reasoning: BTreeMap<String, Vec<Value>>,
}

/// The ids that a request refers to and that were not found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// Referenced items. The conversation is incomplete without them.
    pub references: Vec<String>,
    /// Reasoning items without encrypted content. They are left out of the request.
    pub reasoning: Vec<String>,
    /// Calls for which no reasoning was found. Chat clients cannot send reasoning back.
    pub calls: Vec<String>,
}

impl Missing {
    /// Whether an item is missing. Reasoning before a call is optional and does not count.
    pub fn has_items(&self) -> bool {
        !self.references.is_empty() || !self.reasoning.is_empty()
    }

    /// Returns the first id without which the request cannot be sent. Reasoning (`rs_`) is optional.
    pub fn needed(&self) -> Option<&str> {
        self.references.iter().map(String::as_str).find(|id| !id.starts_with("rs_"))
    }
}

/// Resolves the references of one request.
#[derive(Debug)]
pub(super) struct Recall<'a> {
    recalled: &'a Recalled,
    pub(super) missing: Missing,
    /// Whether the caller sends reasoning itself. The backend refuses a request with the same item twice.
    pub(super) has_own_reasoning: bool,
    /// Whether an item has tools.
    pub(super) has_additional_tools: bool,
    /// How many bytes of JSON may still become strings.
    pub(super) json_as_text_left: usize,
    has_earlier_compaction: bool,
    ids: HashSet<Cow<'a, str>>,
    /// Whether two items have the same id.
    pub(super) has_repeated_ids: bool,
}

impl<'a> Recall<'a> {
    pub(super) fn of(recalled: &'a Recalled) -> Self {
        Self {
            recalled,
            missing: Missing::default(),
            has_own_reasoning: false,
            has_additional_tools: false,
            json_as_text_left: MAX_JSON_AS_TEXT,
            // The types are `compaction` and `compaction_trigger`.
            has_earlier_compaction: recalled.earlier.iter().any(|items| items.contains("\"compaction")),
            ids: HashSet::new(),
            has_repeated_ids: false,
        }
    }

    /// Notes the id of an item.
    pub(super) fn note_id(&mut self, id: Cow<'a, str>) {
        self.has_repeated_ids |= !self.ids.insert(id);
    }

    /// Returns an item by its id.
    pub(super) fn item(&self, id: &str) -> Option<&'a RawValue> {
        serde_json::from_str(self.recalled.items.get(id)?).ok()
    }

    /// Returns the reasoning that preceded a call, or nothing if the caller sends reasoning itself.
    pub(super) fn reasoning_before(&mut self, call_id: &Text<'_>) -> Vec<Box<RawValue>> {
        if self.has_own_reasoning {
            return Vec::new();
        }
        let id = call_id.clone().unescaped();
        let Some(items) = self.recalled.reasoning.get(&*id) else {
            self.missing.calls.push(id.into_owned());
            return Vec::new();
        };
        for id in items.iter().filter_map(|item| item.get("id")?.as_str()) {
            self.has_repeated_ids |= !self.ids.insert(Cow::Borrowed(id));
        }
        items.iter().filter_map(|item| serde_json::value::to_raw_value(item).ok()).collect()
    }

    /// Whether the earlier items may have a compaction, or the item that requests one.
    pub(super) fn has_earlier_compaction(&self) -> bool {
        self.has_earlier_compaction
    }

    /// Returns the inputs and outputs of earlier responses.
    pub(super) fn earlier(&self) -> impl Iterator<Item = List<'a>> + use<'a> {
        self.recalled.earlier.iter().map(|array| List::of_json(array))
    }
}

/// The members of a response that identify its items.
#[derive(Deserialize)]
struct ResponseObject<'a> {
    id: Option<String>,
    #[serde(borrow)]
    output: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct IdOnly {
    id: Option<String>,
}

/// A response's id and its items.
#[derive(Debug, PartialEq, Eq)]
pub struct ResponseItems {
    pub id: String,
    pub item_ids: Vec<String>,
    /// The output, as a JSON array.
    pub output: String,
}

impl ResponseItems {
    /// Parses a response; None if it has no id or no output.
    pub fn of(response: &str) -> Option<Self> {
        let ResponseObject { id: Some(id), output: Some(output) } = serde_json::from_str(response).ok()? else {
            return None;
        };
        let items: Vec<IdOnly> = serde_json::from_str(output.get()).ok()?;
        let item_ids = items.into_iter().filter_map(|item| item.id).collect();
        Some(Self { id, item_ids, output: output.get().to_owned() })
    }
}

/// Returns the items of a JSON array by their ids. Items without an id are left out.
pub fn items_by_id(array: &str) -> BTreeMap<String, String> {
    let items: Vec<&RawValue> = serde_json::from_str(array).unwrap_or_default();
    let with_id = |item: &RawValue| {
        let IdOnly { id } = serde_json::from_str(item.get()).ok()?;
        Some((id?, item.get().to_owned()))
    };
    items.into_iter().filter_map(with_id).collect()
}
