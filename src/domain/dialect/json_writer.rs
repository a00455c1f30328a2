//! Writes the JSON for the backend piece by piece, without building a tree. The caller's values keep their spelling.

use serde_json::{Value, value::RawValue};

use super::{InvalidRequest, raw_json::Text};

/// The JSON written so far. A `text` is a string with its JSON escapes, a `word` a string that is escaped when written.
#[derive(Debug, Default)]
pub(super) struct JsonWriter(String);

impl JsonWriter {
    /// Begins the object that translates a body of `bytes` bytes. Reserves a quarter more: translations are longer.
    pub(super) fn for_body(bytes: usize) -> Self {
        let mut out = Self(String::with_capacity(bytes.saturating_add(bytes / 4).saturating_add(1024)));
        out.begin_object();
        out
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0.into_bytes()
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the text after the first `length` bytes.
    pub(super) fn since(&self, length: usize) -> &str {
        self.0.get(length..).unwrap_or_default()
    }

    /// Removes everything after the first `length` bytes.
    pub(super) fn truncate(&mut self, length: usize) {
        self.0.truncate(length);
    }

    /// Calls `begin`, `write` and `end`. If `write` writes nothing, removes what `begin` wrote and does not call `end`.
    pub(super) fn unless_empty<T>(
        &mut self,
        begin: impl FnOnce(&mut Self),
        write: impl FnOnce(&mut Self) -> Result<T, InvalidRequest>,
        end: impl FnOnce(&mut Self),
    ) -> Result<T, InvalidRequest> {
        let before = self.len();
        begin(self);
        let start = self.len();
        let written = write(self)?;
        if self.len() == start {
            self.truncate(before);
        } else {
            end(self);
        }
        Ok(written)
    }

    pub(super) fn begin_object(&mut self) {
        self.separate();
        self.0.push('{');
    }

    pub(super) fn begin_object_in(&mut self, name: &str) {
        self.name(name);
        self.0.push('{');
    }

    pub(super) fn end_object(&mut self) {
        self.0.push('}');
    }

    pub(super) fn begin_array_in(&mut self, name: &str) {
        self.name(name);
        self.0.push('[');
    }

    pub(super) fn end_array(&mut self) {
        self.0.push(']');
    }

    /// Writes an item of an array.
    pub(super) fn item(&mut self, value: &RawValue) {
        self.json_item(value.get());
    }

    pub(super) fn raw(&mut self, name: &str, value: &RawValue) {
        self.json(name, value.get());
    }

    /// Writes a member whose value is JSON.
    pub(super) fn json(&mut self, name: &str, json: &str) {
        self.name(name);
        self.0.push_str(json);
    }

    /// Writes an item of an array as JSON.
    pub(super) fn json_item(&mut self, json: &str) {
        self.separate();
        self.0.push_str(json);
    }

    pub(super) fn text(&mut self, name: &str, text: &Text<'_>) {
        self.name(name);
        self.0.push_str(text.as_json());
    }

    pub(super) fn word(&mut self, name: &str, word: &str) {
        self.name(name);
        self.string(word);
    }

    pub(super) fn flag(&mut self, name: &str, flag: bool) {
        self.name(name);
        self.0.push_str(if flag { "true" } else { "false" });
    }

    /// Inserts items at the start of the last array. `start` is the position after its `[`.
    pub(super) fn insert_items(&mut self, start: usize, write: impl FnOnce(&mut Self)) {
        let mut items = Self::default();
        write(&mut items);
        if self.len() > start && items.len() > 0 {
            items.0.push(',');
        }
        self.0.insert_str(start, &items.0);
    }

    fn name(&mut self, name: &str) {
        self.separate();
        self.string(name);
        self.0.push(':');
    }

    fn string(&mut self, text: &str) {
        if text.bytes().all(|byte| byte >= b' ' && !matches!(byte, b'"' | b'\\')) {
            self.0.extend(["\"", text, "\""]);
        } else {
            self.0.push_str(&Value::from(text).to_string());
        }
    }

    /// Writes a comma, except before the first member or item.
    fn separate(&mut self) {
        if !matches!(self.0.as_bytes().last(), None | Some(b'{' | b'[')) {
            self.0.push(',');
        }
    }
}
