//! `goclaw audit verify`: verifies the audit log directly in the database, with the configured keys. Needs no running
//! gateway.

use std::{process::ExitCode, sync::Arc};

use super::{
    StartError,
    stores::{Storage, check_exists},
};
use crate::{
    adapters::{
        cli::render,
        settings::Settings,
        system::{SystemClock, SystemRandom},
    },
    app::{Audit, AuditFindings, Tasks, Vault},
    domain::audit::Checkpoint,
};

/// Prints the findings. The exit code is 1 if there are problems.
pub(super) async fn verify(checkpoint: Option<Checkpoint>, settings: &Settings) -> Result<ExitCode, StartError> {
    check_exists(&settings.database)?;
    let Storage { stores, cipher, .. } = Storage::open(settings, Arc::new(SystemRandom)).await?;
    let database = stores.name.clone();
    let vault = Vault::new(cipher);
    let audit = Audit { log: stores.audit, clock: Arc::new(SystemClock), vault, tasks: Tasks::default() };
    let findings = audit.verify(checkpoint.as_ref()).await?;
    render::error(&format!("Database: {database}"));
    render::line(&text(&findings)).map_err(StartError::Output)?;
    Ok(if findings.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn text(findings: &AuditFindings) -> String {
    let Some(newest) = &findings.newest else {
        return [vec!["The audit log is empty.".to_owned()], findings.problems.clone()].concat().join("\n");
    };
    let is_whole = findings.problems.is_empty();
    let verdict = if is_whole { "No entry was changed or removed" } else { "The audit log does not verify" };
    let mut text = format!("{verdict}. Entries: {}. Checkpoint of the newest: {newest}", findings.entries);
    for problem in &findings.problems {
        text += &format!("\n  {problem}");
    }
    text
}
