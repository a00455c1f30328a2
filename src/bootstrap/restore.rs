//! `goclaw restore`: fills a database from an archive, and reports what happens to each account.
//!
//! One transaction replaces the content. It puts an account in doubt if this machine's token journal does not cover its
//! login. A second transaction replaces the remembered responses. Gateways may run meanwhile and notice the restore.

use std::{
    collections::BTreeSet,
    fmt::Write,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::{
    StartError,
    backup::{ROWS_PER_REPORT, print, read_passphrase, report},
    first_start::{self, RESTORED_SETTINGS_FILE},
    stores::{Storage, Stores},
};
use crate::{
    adapters::{
        archive::{ArchiveError, ArchiveKind, ArchiveReader, Header},
        cipher::{KeyRing, XChaChaCipher},
        cli::{RestoreOptions, passphrase::PassphraseFor, words::TimeFormatter},
        secret_file::{ManagedBy, create_secret_file, replace_secret_file},
        settings::{DatabaseSettings, Settings},
        store::{CopyError, RestoreRequest, Restored, TableRows, Tables},
        system::{SystemClock, SystemRandom},
    },
    app::{JournalCheck, JournalCoverage, Vault},
    domain::{
        audit::in_utc, credential::SealedCredential, ids::KeyId, keys::KeyCheck, refresh::TokenState,
        sealed_secret::SealedSecret, time::Timestamp,
    },
    ports::{Clock, TokenJournal},
};

/// Maximum number of names in a list.
const MAX_NAMES: usize = 20;

pub(super) async fn run(options: &RestoreOptions, settings: &Settings) -> Result<(), StartError> {
    let passphrase = read_passphrase(&options.passphrase, PassphraseFor::Existing)?;
    let mut archive = ArchiveReader::open(&options.file, &passphrase)?;
    if archive.header().kind != ArchiveKind::Backup {
        return Err(StartError::IsAnExport(options.file.clone()));
    }
    first_start::check_data_folder(settings)?;
    if !options.replace {
        refuse_database_in_use(&settings.database).await?;
    }
    let notes = place_secrets(archive.header(), settings)?;
    check_keys(archive.header(), settings)?;
    let Storage { stores, journal, cipher } = Storage::open(settings, Arc::new(SystemRandom)).await?;
    let check = JournalCheck::of(journal.as_ref()).await;
    let check = check.map_err(|source| StartError::Journal { place: journal.place(), source })?;
    let author = Vault::new(cipher).author(SystemClock.now());
    let made_at = Timestamp::from_unix_millis(archive.header().created_at);
    let archive_name = format!("backup of {}", in_utc(made_at));
    let made_at = TimeFormatter::local(SystemClock.now()).time(made_at.unix_seconds());
    let reported = AtomicUsize::new(0);
    let order = RestoreRequest {
        needs_doubt: &|account| check.coverage(account) == JournalCoverage::Unknown,
        author: &author,
        archive: archive_name,
        progress: &|rows| {
            let step = rows / ROWS_PER_REPORT;
            if reported.swap(step, Ordering::Relaxed) < step {
                report(rows);
            }
        },
    };
    let mut batches = Batches { archive: &mut archive, held_back: None };
    let restored = stores.tables.restore(&mut || batches.next(Tables::Main), &order).await?;
    let mut text = accounts_in_words(&stores.name, &restored, &check);
    text += &tokens_in_words(&restored, options.replace, &made_at);
    text += &notes.concat();
    print(&text)?;
    restore_responses(&stores, &mut batches).await
}

/// Refuses a database that is in use, before any file is written.
async fn refuse_database_in_use(database: &DatabaseSettings) -> Result<(), StartError> {
    if let DatabaseSettings::Sqlite(path) = database
        && !path.exists()
    {
        return Ok(());
    }
    let stores = Stores::open(database).await?;
    if stores.tables.is_used().await? { Err(StartError::DatabaseInUse(stores.name)) } else { Ok(()) }
}

async fn restore_responses(stores: &Stores, batches: &mut Batches<'_>) -> Result<(), StartError> {
    stores.response_tables.restore_responses(&mut || batches.next(Tables::Responses)).await?;
    match &batches.held_back {
        None => Ok(()),
        Some(other) => Err(CopyError::Unknown(format!("the table {}", other.table)).into()),
    }
}

/// The archive's batches of rows. Those of [`Tables::Responses`] come last.
struct Batches<'a> {
    archive: &'a mut ArchiveReader,
    held_back: Option<TableRows>,
}

impl Batches<'_> {
    /// Returns the next batch if it belongs to `which`; otherwise holds it back for the next call.
    fn next(&mut self, which: Tables) -> Result<Option<TableRows>, Box<dyn std::error::Error + Send + Sync>> {
        let batch = match self.held_back.take() {
            Some(batch) => batch,
            None => match self.read()? {
                Some(batch) => batch,
                None => return Ok(None),
            },
        };
        if which.include(&batch.table) {
            return Ok(Some(batch));
        }
        self.held_back = Some(batch);
        Ok(None)
    }

    /// Reads the next batch. Lines without rows are skipped.
    fn read(&mut self) -> Result<Option<TableRows>, ArchiveError> {
        while let Some(line) = self.archive.next_line()? {
            if let (Some(table), Some(rows)) = (line.table, line.rows) {
                let rows = rows.get().to_owned();
                return Ok(Some(TableRows { table, columns: line.columns, count: line.count, rows }));
            }
        }
        Ok(None)
    }
}

/// Writes the keys, the token and the configuration of the archive to files. Adds missing keys to the gateway's own key
/// file, and keeps an existing token. Returns notes for the owner.
fn place_secrets(header: &Header, settings: &Settings) -> Result<Vec<String>, StartError> {
    let mut notes = Vec::new();
    if let Some(keys) = header.secrets.as_ref().and_then(|secrets| secrets.encryption_keys.as_ref()) {
        let path = settings.key_file();
        let invalid = |source| StartError::InvalidKey { place: "the archive".to_owned(), source };
        let (archived, existing) = (KeyRing::parse(keys).map_err(invalid)?, first_start::existing_keys(settings)?);
        match existing.as_ref().map(|existing| existing.joined_with(&archived)) {
            Some(None) => {}
            None => drop(create_secret_file(&path, keys)?),
            Some(Some(joined)) if is_own_key_file(settings) => replace_secret_file(&path, &joined)?,
            Some(Some(_missing)) => return Err(StartError::KeysConfigured { place: key_place(settings) }),
        }
    }
    let token = header.secrets.as_ref().and_then(|secrets| secrets.gateway_token.as_ref());
    if let Some(token) = token.filter(|_| settings.server.token.is_none()) {
        let is_new = create_secret_file(&settings.token_file(), token)?;
        let kept = "\nThis machine's gateway token stays; programs with the one in the archive need the new one.";
        notes.extend((!is_new).then(|| kept.to_owned()));
    }
    if let Some(text) = &header.settings {
        let path = settings.data_dir.join(RESTORED_SETTINGS_FILE);
        replace_secret_file(&path, text)?;
        notes.push(format!("\nThe settings in the archive are in {}; compare them with yours.", path.display()));
    }
    Ok(notes)
}

fn is_own_key_file(settings: &Settings) -> bool {
    let encryption = &settings.encryption;
    encryption.key.is_none()
        && encryption.keys.is_none()
        && first_start::key_file_manager(settings) == ManagedBy::Gateway
}

fn key_place(settings: &Settings) -> String {
    if settings.encryption.key.is_some() || settings.encryption.keys.is_some() {
        return "the setting encryption.keys".to_owned();
    }
    settings.key_file().display().to_string()
}

/// Checks that a key of this machine opens one of the archive's key checks.
fn check_keys(header: &Header, settings: &Settings) -> Result<(), StartError> {
    let to_key_check = |check: &crate::adapters::archive::StoredCheck| KeyCheck {
        key_id: KeyId::new(check.key_id.clone()),
        value: SealedSecret::from_stored(check.value.clone()),
    };
    let any_opens = first_start::existing_keys(settings)?.is_some_and(|ring| {
        let vault = Vault::new(Arc::new(XChaChaCipher::new(&ring, Arc::new(SystemRandom))));
        header.key_checks.iter().map(to_key_check).any(|check| vault.opens_key_check(&check))
    });
    if any_opens {
        return Ok(());
    }
    let needed: Vec<&str> = header.key_checks.iter().map(|check| check.key_id.as_str()).collect();
    Err(StartError::KeyNeeded { needed: needed.join(" or "), place: key_place(settings) })
}

/// Describes what happens to the accounts.
fn accounts_in_words(database: &str, restored: &Restored, check: &JournalCheck) -> String {
    let mut text = format!("Restored {database}: {} rows, {} accounts.", restored.rows, restored.accounts.len());
    // A refresh token that the provider has already refused is not put in doubt.
    let is_refused = |account: &&SealedCredential| {
        account.refresh.state == TokenState::NeedsReauth && check.coverage(account) == JournalCoverage::Unknown
    };
    let (refused, others): (Vec<&SealedCredential>, Vec<_>) = restored.accounts.iter().partition(is_refused);
    let refused: Vec<&str> = refused.iter().map(|account| account.name.as_str()).collect();
    let names_with = |wanted: JournalCoverage| {
        let matching = others.iter().filter(|account| check.coverage(account) == wanted);
        matching.map(|account| account.name.as_str()).collect::<Vec<_>>()
    };
    let unreadable: Vec<&str> = restored.unreadable.iter().map(|name| name.as_str()).collect();
    for (names, what) in [
        (
            names_with(JournalCoverage::NewerTokens),
            "newest tokens are in this machine's journal; the next start writes them back",
        ),
        (names_with(JournalCoverage::Newest), "as they were: the journal knows no newer tokens"),
        (names_with(JournalCoverage::Reusable), "as they were: nothing in them can be spent"),
        (names_with(JournalCoverage::InDoubt), "newer tokens may exist elsewhere; the next start puts them in doubt"),
        (
            names_with(JournalCoverage::Ended),
            "were signed out, replaced or moved since; the next start removes them, stores the login that replaced them, or \
             puts them in doubt",
        ),
        (
            names_with(JournalCoverage::Unknown),
            "in doubt (restored): their refresh tokens may be spent. They work until their access tokens expire. Sign in \
             again, or risk the old token: goclaw auth refresh NAME",
        ),
        (refused, "as they were: they need a new sign-in"),
        (unreadable, "cannot be read"),
    ] {
        if !names.is_empty() {
            let _ = write!(text, "\n  {}: {what}", name_list(&names));
        }
    }
    text
}

/// Describes what happens to sessions of the page, and lists the tokens of programs that are valid again or gone.
fn tokens_in_words(restored: &Restored, replaced: bool, made_at: &str) -> String {
    // During a rotation's overlap, two tokens have the same name.
    let listed = |names: &[String]| {
        let names: BTreeSet<&str> = names.iter().map(String::as_str).collect();
        (!names.is_empty()).then(|| name_list(&names.into_iter().collect::<Vec<_>>()))
    };
    let mut text = "\nSessions of the page and links to it have ended.".to_owned();
    if let Some(names) = listed(&restored.returned_tokens) {
        text += &if replaced {
            format!("\nTokens of programs that came back, although they were revoked: {names}. Revoke them again.")
        } else {
            format!(
                "\nTokens of programs that are valid again: {names}. Revoke those that you revoked after {made_at}."
            )
        };
    }
    if let Some(names) = listed(&restored.lost_tokens) {
        text += &format!("\nTokens of programs that the backup does not have are gone: {names}. Create them again.");
    }
    text
}

fn name_list(names: &[&str]) -> String {
    let shown: Vec<&str> = names.iter().take(MAX_NAMES).copied().collect();
    let more = names.len().saturating_sub(shown.len());
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}
