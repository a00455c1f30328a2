//! Completes the schemas of tools' parameters. The backend refuses an object schema without `properties` and an array
//! schema without `items` at any depth, but many clients leave them out. PHP writes an empty list for an empty object.
//!
//! The JSON is read once and copied with the additions. Everything else keeps its spelling, and no tree is built.

use std::{borrow::Cow, mem};

/// The parameters of a function without any.
pub(super) const NO_PARAMETERS: &str = r#"{"type":"object","properties":{}}"#;

/// What a JSON value stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A tool as the Responses API defines it.
    Tool,
    /// The parameters of a function: a schema whose type must be `object`.
    Parameters,
    Schema,
    /// An object whose values are schemas, under names that the caller chose.
    NamedSchemas,
    /// Any other value, which is not changed.
    Data,
}

impl Kind {
    /// Returns the kind of a member's value.
    fn of_member(self, name: &str) -> Self {
        match (self, name) {
            (Self::Tool, r#""parameters""#) => Self::Parameters,
            // A namespace contains tools.
            (Self::Tool, r#""tools""#) => Self::Tool,
            (Self::Tool | Self::Data, _) => Self::Data,
            (Self::NamedSchemas, _) => Self::Schema,
            (Self::Schema | Self::Parameters, r#""enum""# | r#""const""# | r#""default""# | r#""examples""#) => {
                Self::Data
            }
            (
                Self::Schema | Self::Parameters,
                r#""properties""#
                | r#""patternProperties""#
                | r#""$defs""#
                | r#""definitions""#
                | r#""dependentSchemas""#,
            ) => Self::NamedSchemas,
            (Self::Schema | Self::Parameters, _) => Self::Schema,
        }
    }

    /// Returns the `type` that a value of this kind must have to be completed.
    fn completed_type(self) -> &'static str {
        if self == Self::Tool { r#""function""# } else { r#""object""# }
    }
}

/// An array or object that is not closed yet.
#[derive(Debug)]
struct Level<'a> {
    /// The position of its bracket.
    start: usize,
    kind: Kind,
    is_list: bool,
    is_empty: bool,
    expects_name: bool,
    /// The name of the last member, with its quotes.
    name: &'a str,
    has_type: bool,
    /// Whether the `type` is [`Kind::completed_type`].
    has_completed_type: bool,
    /// Whether the object already has `parameters` or `properties`.
    has_content: bool,
    /// Whether the `type` is `array`.
    is_array: bool,
    has_items: bool,
}

/// Copies `json` with the additions. A method that reads a byte or a string returns how many bytes it read.
struct Completer<'a> {
    json: &'a str,
    /// How many bytes of `json` are in `out`.
    copied: usize,
    out: String,
    levels: Vec<Level<'a>>,
}

/// Returns a tool, or parameters, with complete object schemas. Borrows `json`, which is valid, if nothing is missing.
pub(super) fn complete(json: &str, kind: Kind) -> Cow<'_, str> {
    let mut completer = Completer { json, copied: 0, out: String::new(), levels: Vec::new() };
    let mut at = 0;
    while let Some(byte) = json.as_bytes().get(at) {
        at += match byte {
            b'{' | b'[' => completer.open(at, kind, *byte == b'['),
            b'}' | b']' => completer.close(at),
            b'"' => completer.string(at),
            b'n' => completer.null(at),
            b',' => completer.comma(),
            _ => 1,
        };
    }
    completer.end()
}

impl<'a> Completer<'a> {
    fn open(&mut self, start: usize, root: Kind, is_list: bool) -> usize {
        let kind = match self.levels.last_mut() {
            None => root,
            Some(level) => {
                level.is_empty = false;
                if level.is_list { level.kind } else { level.kind.of_member(level.name) }
            }
        };
        self.levels.push(Level {
            start,
            kind,
            is_list,
            is_empty: true,
            expects_name: !is_list,
            name: "",
            has_type: false,
            has_completed_type: false,
            has_content: false,
            is_array: false,
            has_items: false,
        });
        1
    }

    /// Ends an array or object and adds its missing members.
    fn close(&mut self, at: usize) -> usize {
        let Some(level) = self.levels.pop() else { return 1 };
        if level.is_list {
            self.close_list(&level, at);
            return 1;
        }
        let mut added = String::new();
        if level.kind == Kind::Parameters && !level.has_type {
            added.push_str(r#","type":"object""#);
        }
        match level.kind {
            Kind::Tool if level.has_completed_type && !level.has_content => {
                added.push_str(r#","parameters":"#);
                added.push_str(NO_PARAMETERS);
            }
            Kind::Parameters | Kind::Schema
                if !level.has_content && (level.has_completed_type || !added.is_empty()) =>
            {
                added.push_str(r#","properties":{}"#);
            }
            Kind::Tool | Kind::Parameters | Kind::Schema | Kind::NamedSchemas | Kind::Data => {}
        }
        if matches!(level.kind, Kind::Parameters | Kind::Schema) && level.is_array && !level.has_items {
            added.push_str(r#","items":{}"#);
        }
        if !added.is_empty() {
            self.replace(at, 0, if level.is_empty { added.get(1..).unwrap_or_default() } else { &added });
        }
        1
    }

    /// Replaces an empty list in the place of an object.
    fn close_list(&mut self, list: &Level<'_>, at: usize) {
        let items = self.json.get(list.start + 1..at).unwrap_or_default();
        let is_schema = self.levels.last().is_some_and(|parent| {
            let has_schema = matches!(parent.name, r#""items""# | r#""additionalProperties""#);
            !parent.is_list && (parent.kind == Kind::NamedSchemas || has_schema)
        });
        let replacement = match list.kind {
            Kind::Parameters => NO_PARAMETERS,
            Kind::NamedSchemas => "{}",
            Kind::Schema if is_schema => "{}",
            Kind::Schema | Kind::Tool | Kind::Data => return,
        };
        if items.trim().is_empty() {
            self.replace(list.start, at + 1 - list.start, replacement);
        }
    }

    /// Reads a name or a string value.
    fn string(&mut self, at: usize) -> usize {
        let rest = self.json.get(at..).unwrap_or_default();
        let length = string_length(rest);
        let text = rest.get(..length).unwrap_or_default();
        let is_name = self.levels.last_mut().is_some_and(|level| {
            level.is_empty = false;
            mem::take(&mut level.expects_name)
        });
        if is_name {
            self.name(text);
        } else if let Some(level) = self.levels.iter_mut().rev().find(|level| !level.is_list)
            && level.name == r#""type""#
        {
            // A list of types matches too: `["object", "null"]`.
            level.has_completed_type |= level.kind.completed_type() == text;
            level.is_array |= text == r#""array""#;
        }
        length
    }

    fn name(&mut self, name: &'a str) {
        let Some(level) = self.levels.last_mut() else { return };
        level.name = name;
        level.has_type |= name == r#""type""#;
        level.has_items |= name == r#""items""#;
        level.has_content |= name == if level.kind == Kind::Tool { r#""parameters""# } else { r#""properties""# };
    }

    /// Replaces a `null` that some clients write for an empty value.
    fn null(&mut self, at: usize) -> usize {
        const NULL: usize = "null".len();
        let Some(level) = self.levels.last_mut().filter(|level| !level.is_list) else { return NULL };
        let replacement = match (level.kind, level.name) {
            (Kind::Tool, r#""parameters""#) => NO_PARAMETERS,
            (Kind::Parameters | Kind::Schema, r#""properties""# | r#""items""#) => "{}",
            (Kind::Parameters | Kind::Schema, r#""required""#) => "[]",
            (Kind::Parameters, r#""type""#) => {
                level.has_completed_type = true;
                r#""object""#
            }
            _ => return NULL,
        };
        self.replace(at, NULL, replacement);
        NULL
    }

    fn comma(&mut self) -> usize {
        if let Some(level) = self.levels.last_mut() {
            level.expects_name = !level.is_list;
        }
        1
    }

    /// Replaces the `length` bytes at `at` with `text`.
    fn replace(&mut self, at: usize, length: usize, text: &str) {
        self.out.push_str(self.json.get(self.copied..at).unwrap_or_default());
        self.out.push_str(text);
        self.copied = at + length;
    }

    fn end(mut self) -> Cow<'a, str> {
        if self.copied == 0 {
            return Cow::Borrowed(self.json);
        }
        self.out.push_str(self.json.get(self.copied..).unwrap_or_default());
        Cow::Owned(self.out)
    }
}

/// Returns the length of the string at the start of `json`, including its quotes.
fn string_length(json: &str) -> usize {
    // The opening quote counts as escaped, because it does not end the string.
    let mut is_escaped = true;
    let end = json.bytes().position(|byte| {
        let ends = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        ends
    });
    end.map_or(json.len(), |end| end + 1)
}
