//! `goclaw backup`: writes a copy of the database into an archive that is encrypted with a passphrase.
//!
//! The main tables are read in one transaction, and the responses in another (`BEGIN_SNAPSHOT` in
//! `adapters/store/*/tables.rs`), so gateways may run meanwhile.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use secrecy::SecretString;

use super::{
    StartError, first_start, keys,
    stores::{Storage, Stores, check_exists},
};
use crate::{
    adapters::{
        archive::{ArchiveKind, ArchiveWriter, ArchivedSecrets, Header, Line, StoredCheck},
        cli::{
            BackupOptions,
            passphrase::{PassphraseFor, PassphraseOptions, ask, checked},
            render,
        },
        secret_file::{read_secret_file, read_secret_file_or_pipe},
        settings::{Environment, Settings},
        store::{TableRows, Tables},
        system::{SystemClock, SystemRandom},
    },
    app::{Adoption, Vault},
    domain::{
        audit::{AuditAction, AuditEvent},
        keys::KeyCheck,
    },
    ports::Clock,
};

/// The number of rows between two progress lines.
pub(super) const ROWS_PER_REPORT: usize = 20_000;

pub(super) async fn run(
    options: &BackupOptions,
    config: Option<PathBuf>,
    environment: &Environment,
) -> Result<(), StartError> {
    let config = config.or_else(|| environment.path("GOCLAW_CONFIG"));
    let settings = Settings::load(config.clone(), environment)?;
    check_exists(&settings.database)?;
    let passphrase = read_passphrase(&options.passphrase, PassphraseFor::New)?;
    // Without a key that opens the database, the backup could not be restored.
    keys::open(&settings).await?.check(Adoption::No).await?;
    let Storage { stores, cipher, .. } = Storage::open(&settings, Arc::new(SystemRandom)).await?;
    let mut header = Header::new(ArchiveKind::Backup, SystemClock.now().unix_millis());
    header.key_checks = stores.keys.key_checks().await?.into_iter().map(to_stored_check).collect();
    header.settings = config.as_deref().map(text_of).transpose()?;
    header.secrets = options.with_keys.then(|| archived_secrets(&settings)).transpose()?;
    let mut archive = ArchiveWriter::create(&options.file, &passphrase, &SystemRandom, &header)?;
    let count = copy(&stores, &mut archive, !options.without_responses).await?;
    let draft = archive.finish()?;
    // Append the entry before the file gets its name, so that the audit log has an entry for every backup.
    let author = Vault::new(cipher).author(SystemClock.now());
    let event = AuditEvent::done(AuditAction::BackedUp, stores.name.clone(), Some(format!("{count} rows")));
    stores.audit.append(event, &author).await?;
    draft.publish()?;
    // The environment overrides the file and is not in the archive.
    let is_in_environment =
        ["GOCLAW_ENCRYPTION__KEY", "GOCLAW_ENCRYPTION__KEYS"].iter().any(|name| environment.text(name).is_some());
    let is_in_file = header.settings.is_some() && settings.encryption.is_in_settings() && !is_in_environment;
    let has_keys = options.with_keys || is_in_file;
    print(&summary(options, &stores.name, count, has_keys))
}

/// Copies the tables and writes the end line. Returns the number of rows.
async fn copy(stores: &Stores, archive: &mut ArchiveWriter, with_responses: bool) -> Result<usize, StartError> {
    let mut count = 0;
    let mut sink = |batch: TableRows| {
        let before = count / ROWS_PER_REPORT;
        count += batch.count;
        if count / ROWS_PER_REPORT != before {
            report(count);
        }
        let rows = serde_json::value::RawValue::from_string(batch.rows)?;
        archive.write(&Line {
            table: Some(batch.table),
            columns: batch.columns,
            rows: Some(rows),
            ..Line::default()
        })?;
        Ok(())
    };
    stores.tables.read_tables(Tables::Main, &mut sink).await?;
    if with_responses {
        stores.response_tables.read_tables(Tables::Responses, &mut sink).await?;
    }
    let rows = u64::try_from(count).unwrap_or(u64::MAX);
    archive.write(&Line { end: Some(rows), ..Line::default() })?;
    Ok(count)
}

fn summary(options: &BackupOptions, database: &str, count: usize, has_keys: bool) -> String {
    let keys = if options.with_keys {
        "The encryption keys and the gateway's token are in it: keep file and passphrase apart."
    } else if has_keys {
        "The configuration file with the encryption keys is in it: keep file and passphrase apart."
    } else {
        "The encryption keys are not in it: keep a copy of them elsewhere, a backup is worthless without them."
    };
    format!("Backed up {database} to {}: {count} rows.\n{keys}", options.file.display())
}

fn archived_secrets(settings: &Settings) -> Result<ArchivedSecrets, StartError> {
    let keys = first_start::existing_keys(settings)?;
    let managed_by = first_start::token_file_manager(settings);
    let token = match &settings.server.token {
        Some(token) => Some(token.clone()),
        None => read_secret_file(&settings.token_file(), managed_by)?,
    };
    Ok(ArchivedSecrets { encryption_keys: keys.map(|ring| ring.to_text()), gateway_token: token })
}

fn text_of(path: &Path) -> Result<SecretString, StartError> {
    let read = fs::read_to_string(path).map(SecretString::from);
    read.map_err(|source| StartError::ConfigFile { path: path.to_owned(), source })
}

fn to_stored_check(check: KeyCheck) -> StoredCheck {
    StoredCheck { key_id: check.key_id.to_string(), value: check.value.into_string() }
}

/// Reads the passphrase from the file in the options, or else from the terminal or stdin.
pub(super) fn read_passphrase(options: &PassphraseOptions, purpose: PassphraseFor) -> Result<SecretString, StartError> {
    match &options.passphrase_file {
        Some(path) if path.as_os_str() != "-" => {
            let text = read_secret_file_or_pipe(path)?;
            let text = text.ok_or_else(|| StartError::ConfiguredFileMissing(path.clone()))?;
            Ok(checked(&text, purpose)?)
        }
        // `ask` reads stdin if there is no terminal, so `-` needs no other code.
        _ => Ok(ask(purpose)?),
    }
}

/// Reports the progress of a long copy on stderr.
pub(super) fn report(rows: usize) {
    render::error(&format!("{rows} rows ..."));
}

pub(super) fn print(text: &str) -> Result<(), StartError> {
    render::line(text).map_err(StartError::Output)
}
