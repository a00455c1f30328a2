//! `goclaw audit list` and `export`: prints the audit log of the running gateway. `verify` needs the encryption keys,
//! so `bootstrap` runs it.

use super::{
    client::GatewayClient,
    error::{CliError, Exit},
    render::{self, Output},
    words::{TimeFormatter, table},
};
use crate::adapters::contract::{AuditEntry, ToJSON};

pub async fn list(
    limit: usize,
    output: &Output,
    client: &GatewayClient,
    times: &TimeFormatter,
) -> Result<Exit, CliError> {
    let page = client.audit(limit).await?;
    if output.json {
        render::list_as_json(&page)?;
    } else {
        render::table(&entries_text(&page.entries, times))?;
    }
    Ok(Exit::Yes)
}

/// Prints every entry as a line of JSON, oldest first.
pub async fn export(client: &GatewayClient) -> Result<Exit, CliError> {
    for entry in client.audit(usize::MAX).await?.entries.iter().rev() {
        render::json(&entry.to_json_string())?;
    }
    Ok(Exit::Yes)
}

fn entries_text(entries: &[AuditEntry], times: &TimeFormatter) -> String {
    let row = |entry: &AuditEntry| {
        let who = [Some(&entry.actor), entry.address.as_ref()].into_iter().flatten().cloned().collect::<Vec<_>>();
        let what = [Some(&entry.action), Some(&entry.result).filter(|result| *result != "done")];
        let what = what.into_iter().flatten().cloned().collect::<Vec<_>>().join(": ");
        let (id, detail) = (entry.id.to_string(), entry.detail.clone().unwrap_or_default());
        [id, times.second(entry.at), who.join(" from "), what, entry.subject.clone(), detail]
    };
    table(["ID", "WHEN", "WHO", "WHAT", "ON", "DETAIL"], entries.iter().map(row))
}
