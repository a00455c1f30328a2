//! `goclaw import --from`: takes over the logins of another program, which must not use them again.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use secrecy::SecretString;

use super::{
    StartError,
    backup::print,
    export::{self, connect},
};
use crate::{
    adapters::{
        cli::ImportOptions,
        foreign::{ForeignError, GoServiceKey, GoServiceRow, convert_go_service_row, read_codex_cli},
        secret_file::{ManagedBy, read_secret_file},
        settings::Settings,
        store::{StoredGoAccount, read_go_postgres, read_go_sqlite},
        system::SystemClock,
    },
    app::{MoveError, Origin, PlaintextAccount, ProviderCatalog, account_name},
    domain::{
        ids::AccountName,
        provider::{ProviderType, openai_codex},
    },
    ports::Clock,
};

/// The first bytes of a SQLite file.
const SQLITE_MAGIC: &[u8] = b"SQLite format 3\0";

/// Takes over the login of the Codex CLI, and renames its file.
pub(super) async fn codex_cli(options: &ImportOptions, settings: &Settings) -> Result<(), StartError> {
    let file = &options.file;
    let text = secret_in(file)?;
    let name = match options.names.first() {
        Some(name) => name.clone(),
        None => account_name(openai_codex::NAME)?,
    };
    let catalog = ProviderCatalog::new(settings.providers.iter().cloned());
    let definition = catalog.of_account(&name, ProviderType::OpenaiCodex);
    let client = definition.and_then(|definition| definition.oauth).ok_or(StartError::NothingToMove)?;
    let account = read_codex_cli(&text, name, &client, SystemClock.now()).map_err(import_error(file))?;
    if !options.take_over {
        return Err(StartError::WouldShare("the Codex CLI"));
    }
    let origin = Origin { description: "the Codex CLI", exported_at: None };
    // The database may have to be waited for, and the file stays in its place if the wait is interrupted.
    let (moving, accounts) = (export::open(settings).await?, vec![account]);
    let repeated = moving.check_import(&accounts, options.replace, origin).await?;
    // Rename the file before connecting, so that the Codex CLI never uses a login that is connected here.
    let aside = with_suffix(file, ".taken-over");
    fs::rename(file, &aside).map_err(|source| StartError::SetAside { file: file.clone(), source })?;
    match export::connect_checked(&moving, accounts, &repeated, options.replace, origin).await {
        Ok(imported) => print(&format!(
            "{} The Codex CLI is signed out: its file is now {}; delete it. To sign in to the Codex CLI again: codex login",
            imported.in_words(),
            aside.display()
        )),
        Err(StartError::Move(error @ (MoveError::App(_) | MoveError::Incomplete { .. }))) => {
            Err(StartError::PossiblyTakenOver { file: aside, source: error })
        }
        Err(error) => {
            fs::rename(&aside, file).map_err(|source| StartError::SetAside { file: aside, source })?;
            Err(error)
        }
    }
}

/// Takes over accounts of the GoClaw service in Go.
pub(super) async fn go_service(options: &ImportOptions, settings: &Settings) -> Result<(), StartError> {
    let (file, now) = (&options.file, SystemClock.now());
    let rows = if is_sqlite(file)? { read_go_sqlite(file)? } else { read_go_postgres(&secret_in(file)?).await? };
    let key =
        options.key_file.as_deref().map(|path| GoServiceKey::parse(&secret_in(path)?).map_err(import_error(path)));
    let key = key.transpose()?;
    let (mut accounts, mut not_imported): (Vec<PlaintextAccount>, Vec<String>) = Default::default();
    for row in rows.into_iter().map(to_row) {
        let is_chosen = options.names.is_empty()
            || options.names.iter().any(|name| name.as_str() == openai_codex::canonical(&row.name));
        if !is_chosen {
            continue;
        }
        match convert_go_service_row(&row, key.as_ref(), now).map_err(import_error(file))? {
            Some(account) if accounts.iter().all(|other| other.name != account.name) => accounts.push(account),
            Some(_of_another_tenant) => not_imported.push(format!("{} of another tenant", row.name)),
            None => not_imported.push(format!("{} ({})", row.name, row.provider_type)),
        }
    }
    if let Some(missing) = options.names.iter().find(|name| !has_account(&accounts, name)) {
        return Err(StartError::NotInArchive(missing.clone()));
    }
    if accounts.is_empty() {
        return Err(StartError::NothingToMove);
    }
    if !options.take_over {
        return Err(StartError::WouldShare("the GoClaw service"));
    }
    let origin = Origin { description: "the GoClaw service in Go", exported_at: None };
    let imported = connect(accounts, options.replace, origin, settings).await?.in_words();
    let mut text = format!("{imported} The other service must not run with these accounts again.");
    if !not_imported.is_empty() {
        text += &format!("\nNot imported: {}.", not_imported.join(", "));
    }
    print(&text)
}

fn to_row(stored: StoredGoAccount) -> GoServiceRow {
    let (api_key, refresh_token) = (stored.api_key(), stored.refresh_token());
    let StoredGoAccount { name, display_name, provider_type, enabled, .. } = stored;
    GoServiceRow { name, display_name, provider_type, enabled, api_key, refresh_token }
}

fn has_account(accounts: &[PlaintextAccount], name: &AccountName) -> bool {
    accounts.iter().any(|account| account.name == *name)
}

fn is_sqlite(path: &Path) -> Result<bool, StartError> {
    let mut start = [0; SQLITE_MAGIC.len()];
    let read = fs::File::open(path).and_then(|mut file| file.read_exact(&mut start));
    match read {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(source) => Err(StartError::ConfigFile { path: path.to_owned(), source }),
        Ok(()) => Ok(start == SQLITE_MAGIC),
    }
}

fn secret_in(path: &Path) -> Result<SecretString, StartError> {
    read_secret_file(path, ManagedBy::Owner)?.ok_or_else(|| StartError::ConfiguredFileMissing(path.to_owned()))
}

fn import_error(file: &Path) -> impl FnOnce(ForeignError) -> StartError {
    move |source| StartError::Foreign { file: file.to_owned(), source }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(suffix);
    path.with_file_name(name)
}
