//! Verifies the audit log: the digests, which chain each entry to the previous one, and the marks.

use super::Audit;
use crate::{
    app::AppError,
    domain::audit::{AuditAction, AuditEntry, Checkpoint},
    ports::OpenError,
};

/// Number of entries read at a time.
const PAGE: usize = 500;
/// Maximum number of reported problems.
const MAX_PROBLEMS: usize = 100;

/// The result of verifying the log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFindings {
    pub entries: usize,
    pub newest: Option<Checkpoint>,
    /// Signs that entries were changed, removed or added.
    pub problems: Vec<String>,
}

/// The state of a verification after the entries read so far.
#[derive(Default)]
struct Verification {
    findings: AuditFindings,
    first: Option<AuditEntry>,
    /// The last deleted entry, as recorded by the entry about the deletion.
    deleted: Option<Checkpoint>,
    /// Number of entries since the last valid mark, and the unknown key of their marks.
    unproven: Option<(usize, String)>,
}

impl Audit {
    /// Verifies the whole log. With a `checkpoint` from outside the database, also detects removed newest entries.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn verify(&self, checkpoint: Option<&Checkpoint>) -> Result<AuditFindings, AppError> {
        self.verify_each(checkpoint, |_| ()).await
    }

    /// Verifies the whole log, and passes each entry to `visit` in the order of the log.
    pub(super) async fn verify_each(
        &self,
        checkpoint: Option<&Checkpoint>,
        mut visit: impl FnMut(&AuditEntry) + Send,
    ) -> Result<AuditFindings, AppError> {
        let mut verification = Verification::default();
        loop {
            let after = verification.findings.newest.as_ref().map_or(i64::MIN, |last| last.id);
            let entries = self.log.oldest(after, PAGE).await?;
            let is_last = entries.len() < PAGE;
            for entry in entries {
                let mark = self.vault.check_audit_mark(&entry);
                verification.check_mark(&entry, mark);
                visit(&entry);
                verification.check_chain(entry, checkpoint);
            }
            if is_last {
                return Ok(verification.finish(checkpoint));
            }
        }
    }
}

impl Verification {
    fn report(&mut self, text: String) {
        if self.findings.problems.len() < MAX_PROBLEMS {
            self.findings.problems.push(text);
        }
    }

    /// Records whether an entry's mark is valid. A valid mark proves all entries up to its own.
    fn check_mark(&mut self, entry: &AuditEntry, mark: Result<(), OpenError>) {
        match mark {
            Ok(()) => self.unproven = None,
            Err(OpenError::UnknownKey { sealed_with, .. }) => {
                let (entries, _) = self.unproven.take().unwrap_or_default();
                self.unproven = Some((entries + 1, sealed_with.to_string()));
            }
            Err(OpenError::Tampered | OpenError::FirstFormat | OpenError::Malformed) => {
                self.report(format!("entry {}: its mark was not made with a key of this database", entry.id));
            }
        }
    }

    /// Checks the entry against the previous one and against the checkpoint.
    fn check_chain(&mut self, entry: AuditEntry, checkpoint: Option<&Checkpoint>) {
        let id = entry.id;
        if let Some(last) = &self.findings.newest {
            let is_next = id == last.id + 1;
            if !is_next {
                self.report(format!("entries {} to {} are missing", last.id + 1, id - 1));
            } else if entry.digest != entry.digest_after(&last.digest) {
                self.report(format!("entry {id}: it was changed, or the one before it was"));
            }
        }
        let known = checkpoint.filter(|checkpoint| checkpoint.id == id);
        if known.is_some_and(|checkpoint| checkpoint.digest != entry.digest) {
            self.report(format!("entry {id}: it differs from the checkpoint"));
        }
        if entry.action == <&str>::from(AuditAction::EntriesDeleted) {
            let id = entry.subject.parse().ok();
            self.deleted = id.zip(entry.detail.clone()).map(|(id, digest)| Checkpoint { id, digest });
        }
        self.findings.entries += 1;
        self.findings.newest = Some(entry.checkpoint());
        self.first.get_or_insert(entry);
    }

    /// Checks the beginning and the end of the log.
    fn finish(mut self, checkpoint: Option<&Checkpoint>) -> AuditFindings {
        if let Some(first) = self.first.take() {
            let before_first = Checkpoint { id: 0, digest: String::new() };
            let before = self.deleted.take().unwrap_or(before_first);
            if first.id != before.id + 1 {
                self.report(format!("the entries before {} are missing", first.id));
            } else if first.digest != first.digest_after(&before.digest) {
                self.report(format!("entry {}: it was changed", first.id));
            }
            if let Some(checkpoint) = checkpoint.filter(|checkpoint| checkpoint.id < first.id && **checkpoint != before)
            {
                let id = checkpoint.id;
                self.report(format!("entry {id} was deleted, so it cannot be compared with the checkpoint"));
            }
        }
        if let Some((entries, key)) = self.unproven.take() {
            let text = format!(
                "the newest {entries} entries cannot be proven: the key {key} of their marks is not configured"
            );
            self.report(text);
        }
        let newest = self.findings.newest.as_ref().map_or(0, |newest| newest.id);
        if let Some(checkpoint) = checkpoint.filter(|checkpoint| checkpoint.id > newest) {
            self.report(format!("the entries from {} to at least {} are missing", newest + 1, checkpoint.id));
        }
        self.findings
    }
}
