//! Generates responses, and their event streams in many variants that a backend may send.

use goclaw::domain::dialect::SseEvent;
use proptest::{prelude::*, sample::Index};
use serde_json::{Value, json};

/// Stand-ins for the two halves of U+1F600, and their escapes in the JSON of an event. A backend may split a character
/// between two deltas.
const HALVES: [(char, &str); 2] = [('\u{e000}', r"\ud83d"), ('\u{e001}', r"\ude00")];

/// The content of a response.
#[derive(Debug, Clone)]
pub(super) struct ResponseContent {
    items: Vec<Value>,
    cut_off: Option<&'static str>,
}

/// How a response is split into events.
#[derive(Debug, Clone)]
pub(super) struct StreamStyle {
    /// Whether events have an `output_index`.
    is_numbered: bool,
    /// Whether the stream begins with `response.created`.
    starts_with_created: bool,
    /// The styles of the items, used in turn.
    items: Vec<ItemStyle>,
    /// Whether each item ends with `response.output_item.done`; otherwise only the last event has the finished items.
    finishes_items: bool,
    /// Whether the last event repeats the items.
    repeats_items: bool,
}

/// How one item is sent before it is finished.
#[derive(Debug, Clone)]
struct ItemStyle {
    /// Whether the item begins with `response.output_item.added`.
    announces: bool,
    texts: Texts,
    /// Where the texts are split.
    cuts: Vec<Index>,
}

/// How the texts of an item are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Texts {
    /// Only with the finished item.
    Late,
    Pieces,
    /// Pieces of the beginning, then the whole text.
    PiecesThenWhole,
    Whole,
}

fn word() -> impl Strategy<Value = String> {
    "[a-zé\u{1f600}\"\\\\\n ]{0,12}"
}

fn item() -> impl Strategy<Value = Value> {
    let citation = (0..9u64).prop_map(|at| json!({"type": "url_citation", "start_index": at, "end_index": at + 2, "title": "T", "url": "https://a.example"}));
    let text = (word(), prop::collection::vec(citation, 0..2))
        .prop_map(|(text, annotations)| json!({"type": "output_text", "text": text, "annotations": annotations}));
    let refusal = word().prop_map(|text| json!({"type": "refusal", "refusal": text}));
    let part = prop_oneof![4 => text, 1 => refusal];
    let message = prop::collection::vec(part, 0..3)
        .prop_map(|parts| json!({"type": "message", "role": "assistant", "content": parts}));
    let summary = word().prop_map(|text| json!({"type": "summary_text", "text": text}));
    let reasoning =
        prop::collection::vec(summary, 0..3).prop_map(|parts| json!({"type": "reasoning", "summary": parts}));
    let function = (word(), "[a-z]{1,4}", "[a-z]{1,4}")
        .prop_map(|(text, id, name)| json!({"type": "function_call", "call_id": id, "name": name, "arguments": text}));
    let custom = (word(), "[a-z]{1,4}", "[a-z]{1,4}")
        .prop_map(|(text, id, name)| json!({"type": "custom_tool_call", "call_id": id, "name": name, "input": text}));
    let search = Just(json!({"type": "web_search_call", "status": "completed"}));
    prop_oneof![4 => message, 2 => reasoning, 3 => function, 1 => custom, 1 => search]
}

impl ResponseContent {
    pub(super) fn any() -> impl Strategy<Value = Self> {
        let cut_off = prop::sample::select(vec![None, None, Some("max_output_tokens"), Some("content_filter")]);
        (prop::collection::vec(item(), 0..6), cut_off).prop_map(|(items, cut_off)| Self { items, cut_off })
    }

    /// Returns the whole response, as the API returns it without a stream.
    pub(super) fn response(&self) -> Value {
        let status = if self.cut_off.is_some() { "incomplete" } else { "completed" };
        json!({"id": "resp_1", "created_at": 1_800_000_000, "status": status, "service_tier": "default",
            "incomplete_details": self.cut_off.map(|reason| json!({"reason": reason})), "output": self.items,
            "usage": {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}})
    }

    pub(super) fn events(&self, style: &StreamStyle) -> Vec<SseEvent<'static>> {
        let mut events = Vec::new();
        if style.starts_with_created {
            let response = json!({"id": "resp_1", "created_at": 1_800_000_000, "service_tier": "auto", "output": []});
            events.push(json!({"type": "response.created", "response": response}));
            events.push(json!({"type": "codex.rate_limits", "rate_limits": {}}));
        }
        for (index, item) in self.items.iter().enumerate() {
            let mut item_events = style.items[index % style.items.len()].events(item);
            if style.finishes_items {
                item_events.push(json!({"type": "response.output_item.done", "item": item}));
            }
            if style.is_numbered {
                item_events.iter_mut().for_each(|event| event["output_index"] = json!(index));
            }
            events.extend(item_events);
        }
        let mut response = self.response();
        if style.finishes_items && !style.repeats_items {
            response["output"] = json!([]);
        }
        let kind = if self.cut_off.is_some() { "response.incomplete" } else { "response.completed" };
        events.push(json!({"type": kind, "response": response}));
        let with_halves =
            |data: &Value| HALVES.iter().fold(data.to_string(), |json, (half, escape)| json.replace(*half, escape));
        events.iter().map(|data| SseEvent { event: "".into(), data: with_halves(data).into() }).collect()
    }
}

impl StreamStyle {
    pub(super) fn any() -> impl Strategy<Value = Self> {
        let texts = prop::sample::select(vec![Texts::Late, Texts::Pieces, Texts::PiecesThenWhole, Texts::Whole]);
        let item = (any::<bool>(), texts, prop::collection::vec(any::<Index>(), 0..4))
            .prop_map(|(announces, texts, cuts)| ItemStyle { announces, texts, cuts });
        let items = prop::collection::vec(item, 1..6);
        (any::<[bool; 4]>(), items).prop_map(|([is_numbered, starts_with_created, finishes, repeats], mut items)| {
            if !finishes {
                // Without `output_item.done`, the whole items are sent either before the last event or in it.
                let are_early = items[0].texts != Texts::Late;
                for item in &mut items {
                    item.announces = are_early;
                    match (are_early, item.texts) {
                        (false, _) => item.texts = Texts::Late,
                        (true, Texts::Late) => item.texts = Texts::Whole,
                        (true, _) => {}
                    }
                }
            }
            // Without `output_item.done`, events need an index.
            let is_numbered = is_numbered || !finishes;
            // Without `response.created` only the last event has the id, so nothing may be sent before it.
            let starts_with_created =
                starts_with_created || items.iter().any(|item| item.texts != Texts::Late) || finishes;
            Self { is_numbered, starts_with_created, items, finishes_items: finishes, repeats_items: repeats }
        })
    }
}

impl ItemStyle {
    fn events(&self, item: &Value) -> Vec<Value> {
        let mut events = Vec::new();
        if self.announces {
            let mut announced = item.clone();
            for name in ["content", "summary"] {
                if announced.get(name).is_some() {
                    announced[name] = json!([]);
                }
            }
            for name in ["arguments", "input"] {
                if announced.get(name).is_some() {
                    announced[name] = json!("");
                }
            }
            events.push(json!({"type": "response.output_item.added", "item": announced}));
        }
        match item["type"].as_str().unwrap() {
            "message" => {
                for (index, part) in item["content"].as_array().unwrap().iter().enumerate() {
                    let (kind, name) = match part["type"].as_str().unwrap() {
                        "refusal" => ("response.refusal", "refusal"),
                        _ => ("response.output_text", "text"),
                    };
                    events.extend(self.text_events(kind, name, part[name].as_str().unwrap(), "content_index", index));
                }
            }
            "reasoning" => {
                for (index, part) in item["summary"].as_array().unwrap().iter().enumerate() {
                    let text = part["text"].as_str().unwrap();
                    events.extend(self.text_events(
                        "response.reasoning_summary_text",
                        "text",
                        text,
                        "summary_index",
                        index,
                    ));
                }
            }
            "function_call" => {
                let text = item["arguments"].as_str().unwrap();
                events.extend(self.text_events(
                    "response.function_call_arguments",
                    "arguments",
                    text,
                    "sequence_number",
                    0,
                ));
            }
            "custom_tool_call" => {
                let text = item["input"].as_str().unwrap();
                events.extend(self.text_events("response.custom_tool_call_input", "input", text, "sequence_number", 0));
            }
            _ => events.push(json!({"type": "response.web_search_call.searching"})),
        }
        events
    }

    fn text_events(&self, kind: &str, name: &str, text: &str, index_name: &str, index: usize) -> Vec<Value> {
        let halves = HALVES.map(|(half, _)| half);
        let split = |char: char| if char == '\u{1f600}' { halves.to_vec() } else { vec![char] };
        let chars: Vec<char> = text.chars().flat_map(split).collect();
        let mut cuts: Vec<usize> = self.cuts.iter().map(|cut| cut.index(chars.len() + 1)).collect();
        cuts.sort_unstable();
        let end = match self.texts {
            Texts::Late | Texts::Whole => 0,
            Texts::Pieces => chars.len(),
            Texts::PiecesThenWhole => cuts.pop().unwrap_or(0),
        };
        let mut events = Vec::new();
        let mut start = 0;
        for cut in cuts.into_iter().filter(|cut| *cut < end).chain([end]) {
            let piece: String = chars[start..cut].iter().collect();
            if end > 0 {
                events.push(json!({"type": format!("{kind}.delta"), "delta": piece, index_name: index}));
            }
            start = cut;
        }
        if matches!(self.texts, Texts::Whole | Texts::PiecesThenWhole) {
            events.push(json!({"type": format!("{kind}.done"), name: text, index_name: index}));
        }
        events
    }
}
