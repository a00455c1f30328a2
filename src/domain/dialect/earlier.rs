//! Writes the items of the earlier responses that a request continues.

use super::{
    InvalidRequest, items, json_writer::JsonWriter, members::Members, recalled::Recall, system_text::SystemTexts,
};

/// Writes the items of earlier responses. A compaction replaces the inputs and outputs before its own, except for
/// instructions. The item that requested it is left out, because the provider would compact again.
pub(super) fn write<'a>(
    recall: &mut Recall<'a>,
    system: &mut SystemTexts<'a>,
    out: &mut JsonWriter,
) -> Result<(), InvalidRequest> {
    let (compacted, mut position) = (compacted_items(recall)?, 0);
    for items in recall.earlier() {
        items.each_raw(|raw, path| {
            let is_compacted = position < compacted;
            position += 1;
            if recall.has_earlier_compaction() {
                let item = Members::of(raw, path.clone())?;
                match (item.word("type").as_deref(), item.word("role").as_deref()) {
                    (Some("compaction_trigger"), _) => return Ok(()),
                    (_, Some("system" | "developer")) => {}
                    _ if is_compacted => return Ok(()),
                    _ => {}
                }
            }
            items::write(raw, path, recall, system, out)
        })?;
    }
    Ok(())
}

/// Returns the number of earlier items before the input or output with the newest compaction. Messages beside it stay:
/// `POST /v1/responses/compact` returns those that it does not replace.
fn compacted_items(recall: &Recall<'_>) -> Result<usize, InvalidRequest> {
    let (mut compacted, mut position) = (0, 0);
    for items in recall.earlier().filter(|_| recall.has_earlier_compaction()) {
        let start = position;
        items.each(|item| {
            if item.word("type").as_deref() == Some("compaction") {
                compacted = start;
            }
            position += 1;
            Ok(())
        })?;
    }
    Ok(compacted)
}
