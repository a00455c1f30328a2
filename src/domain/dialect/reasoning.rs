//! Translates the reasoning parameters: `reasoning` (an object in Responses) and `reasoning_effort` (in chats).

use super::{BackendModel, InvalidRequest, json_writer::JsonWriter, members::Members, raw_json::Text};

/// Members of `reasoning` at other gateways. The backend refuses them.
const FOREIGN: [&str; 3] = ["enabled", "exclude", "max_tokens"];

/// Whether the gateway requests a reasoning summary that the caller did not request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Summary {
    /// Never: callers of Responses request the summary themselves.
    AsSent,
    /// If the caller requests an effort other than `none`. Without a requested effort, if the model is known to
    /// summarize its reasoning. Chat clients show summaries, but do not request them.
    ForChat,
}

impl Summary {
    fn is_wanted(self, effort: Option<&str>, model: &BackendModel) -> bool {
        match self {
            Self::AsSent => false,
            Self::ForChat => effort.map_or(model.summarizes_reasoning, |effort| effort != "none"),
        }
    }
}

/// Writes `reasoning`. Returns the names of the parameters that were left out.
pub(super) fn translate(
    body: &mut Members<'_>,
    model: &BackendModel,
    summary: Summary,
    out: &mut JsonWriter,
) -> Result<Vec<String>, InvalidRequest> {
    if summary == Summary::AsSent && body.has("reasoning") {
        return pass(body, model, out);
    }
    let mut reasoning = body.take_object("reasoning")?;
    let own_effort = reasoning.as_mut().map(|reasoning| reasoning.take_text("effort")).transpose()?.flatten();
    let effort = own_effort.or(take_chat_effort(body)?).or_else(|| model.suffixes.effort.map(Text::from_plain));
    let effort_name = effort.clone().map(Text::unescaped);
    let own_summary = reasoning.as_mut().and_then(|reasoning| reasoning.take("summary"));
    let write = |out: &mut JsonWriter| {
        if let Some(effort) = &effort {
            out.text("effort", effort);
        }
        match own_summary {
            Some(summary) => out.raw("summary", summary),
            None if summary.is_wanted(effort_name.as_deref(), model) => out.word("summary", "auto"),
            None => {}
        }
        Ok(())
    };
    out.unless_empty(|out| out.begin_object_in("reasoning"), write, JsonWriter::end_object)?;
    // Clients of other gateways send more members, such as `max_tokens` and `exclude`.
    Ok(reasoning.iter().flat_map(Members::names).map(|name| format!("reasoning.{name}")).collect())
}

/// Takes out `reasoning_effort`. An empty text, which clients send for an empty setting, counts as absent.
fn take_chat_effort<'a>(body: &mut Members<'a>) -> Result<Option<Text<'a>>, InvalidRequest> {
    Ok(body.take_text("reasoning_effort")?.filter(|effort| !effort.is_empty()))
}

/// Writes the caller's `reasoning` without members that only other gateways have. If it has no effort, adds
/// `reasoning_effort` or the effort of the model's suffix. Returns the names of the members that were left out.
fn pass(body: &mut Members<'_>, model: &BackendModel, out: &mut JsonWriter) -> Result<Vec<String>, InvalidRequest> {
    let chat_effort = take_chat_effort(body)?;
    let mut reasoning = body.need_object("reasoning")?;
    let foreign = FOREIGN.into_iter().filter(|name| reasoning.take(name).is_some());
    let ignored: Vec<String> = foreign.map(|name| format!("reasoning.{name}")).collect();
    let added = chat_effort.or_else(|| model.suffixes.effort.map(Text::from_plain));
    let added = added.filter(|_| !reasoning.has("effort"));
    out.begin_object_in("reasoning");
    if let Some(effort) = added {
        let _null = reasoning.take("effort");
        out.text("effort", &effort);
    }
    reasoning.write(out);
    out.end_object();
    Ok(ignored)
}
