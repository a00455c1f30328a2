//! `goclaw export` and `goclaw import`: move accounts between installations without a new sign-in.
//!
//! An export writes and syncs the encrypted file under a draft's name. Then it deletes the accounts in one transaction,
//! and renames the file. A crash before the transaction leaves the accounts here, and a draft that `import` refuses.
//! After a later crash, the owner renames the draft.

use std::{fs, path::Path, sync::Arc};

use super::{
    StartError,
    backup::{print, read_passphrase},
    keys,
    stores::{Storage, check_exists},
};
use crate::{
    adapters::{
        archive::{ArchiveKind, ArchiveReader, ArchiveWriter, ArchivedAccount, Header, Line},
        cli::{ExportOptions, ImportOptions, passphrase::PassphraseFor},
        settings::Settings,
        system::{SystemClock, SystemRandom},
    },
    app::{Adoption, Moving, OpenedAccounts, Origin, PlaintextAccount, ProviderCatalog, Vault},
    domain::{ids::AccountName, provider::ProviderType, provider_settings::ProviderSettings},
    ports::Clock,
};

/// Maximum number of attempts while running gateways change the accounts.
const TRIES: usize = 5;

/// Opens the database and the journal with the configured keys.
pub(super) async fn open(settings: &Settings) -> Result<Moving, StartError> {
    keys::open(settings).await?.check(Adoption::No).await?;
    let Storage { stores, journal, cipher } = Storage::open(settings, Arc::new(SystemRandom)).await?;
    Ok(Moving {
        store: stores.credentials,
        revocations: stores.revocations,
        journal,
        audit: stores.audit,
        clock: stores.clock,
        random: Arc::new(SystemRandom),
        vault: Vault::new(cipher),
        catalog: ProviderCatalog::new(settings.providers.iter().cloned()),
    })
}

pub(super) async fn export(options: &ExportOptions, settings: &Settings) -> Result<(), StartError> {
    check_exists(&settings.database)?;
    let passphrase = read_passphrase(&options.passphrase, PassphraseFor::New)?;
    let moving = open(settings).await?;
    let names = (!options.all).then_some(options.names.as_slice());
    for _ in 0..TRIES {
        let (opened, errors) = moving.open(names).await?;
        if opened.accounts.is_empty() {
            return Err(StartError::NothingToMove);
        }
        let header = Header::new(ArchiveKind::Accounts, SystemClock.now().unix_millis());
        let mut archive = ArchiveWriter::create(&options.file, &passphrase, &SystemRandom, &header)?;
        for account in &opened.accounts {
            archive.write(&Line { account: Some(to_archived(account)), ..Line::default() })?;
        }
        let count = u64::try_from(opened.accounts.len()).unwrap_or(u64::MAX);
        archive.write(&Line { end: Some(count), ..Line::default() })?;
        let mut draft = archive.finish()?;
        // From here on, the draft may be the only copy of the tokens.
        draft.keep();
        let place = draft.name().to_owned();
        match moving.remove(&opened, &options.file.display().to_string()).await {
            Ok(true) => {
                draft.publish().map_err(|source| StartError::Unpublished { draft: place, source })?;
                let mut text = export_text(&opened, &options.file);
                for reason in errors {
                    text += &format!("\nStays here: {reason}");
                }
                return print(&text);
            }
            Ok(false) => draft.discard(),
            Err(source) => return Err(StartError::UnknownRemoval { draft: place, source }),
        }
    }
    Err(crate::app::MoveError::Contended.into())
}

fn export_text(opened: &OpenedAccounts, file: &Path) -> String {
    let names: Vec<&str> = opened.accounts.iter().map(|account| account.name.as_str()).collect();
    format!(
        "Exported to {}: {}. They are no longer connected here, and their sign-ins stay valid.\nOn the other machine: goclaw \
         import {}\nImport the file once and on one machine: two holders of one sign-in end it.",
        file.display(),
        names.join(", "),
        file.file_name().map(|name| name.to_string_lossy()).unwrap_or_default(),
    )
}

fn to_archived(account: &PlaintextAccount) -> ArchivedAccount {
    ArchivedAccount {
        name: account.name.to_string(),
        provider_type: account.provider_type.as_str().to_owned(),
        display_name: account.display_name.clone(),
        enabled: account.enabled,
        settings: ProviderSettings::default().with_metadata(&account.metadata).into_json(),
        access_token: Some(ArchivedAccount::text_of(&account.access_token)),
        refresh_token: account.refresh_token.as_ref().map(ArchivedAccount::text_of),
    }
}

/// Connects the accounts in a file that [`export`] wrote.
pub(super) async fn import(options: &ImportOptions, settings: &Settings) -> Result<(), StartError> {
    let file = &options.file;
    if file.file_name().is_some_and(|name| name.to_string_lossy().contains(".draft-")) {
        return Err(StartError::DraftOfExport(file.clone()));
    }
    let passphrase = read_passphrase(&options.passphrase, PassphraseFor::Existing)?;
    let mut archive = ArchiveReader::open(file, &passphrase)?;
    if archive.header().kind != ArchiveKind::Accounts {
        return Err(StartError::IsABackup(file.clone()));
    }
    let mut accounts: Vec<PlaintextAccount> = Vec::new();
    while let Some(line) = archive.next_line()? {
        let Some(account) = line.account else { continue };
        let account = to_plaintext(&account, file)?;
        if accounts.iter().any(|other| other.name == account.name) {
            return Err(StartError::AccountTwice { file: file.clone(), name: account.name });
        }
        accounts.push(account);
    }
    let takes_all = options.names.is_empty();
    accounts.retain(|account| takes_all || options.names.contains(&account.name));
    if let Some(missing) = options.names.iter().find(|name| !accounts.iter().any(|account| account.name == **name)) {
        return Err(StartError::NotInArchive(missing.clone()));
    }
    let exported_at = Some(archive.header().created_at);
    let origin = Origin { description: &file.display().to_string(), exported_at };
    let imported = connect(accounts, options.replace, origin, settings).await?;
    let mut text = imported.in_words();
    text += &match takes_all.then(|| fs::remove_file(file)) {
        Some(Ok(())) => "\nThe file was deleted: its tokens are here now.".to_owned(),
        Some(Err(error)) => {
            format!("\nDelete {}, it cannot be deleted here ({error}): its tokens are here now.", file.display())
        }
        None => format!("\n{} stays, with other accounts in it. Delete it when they are moved.", file.display()),
    };
    print(&text)
}

/// The names of the accounts of an import.
#[derive(Default)]
pub(super) struct Imported {
    connected: Vec<String>,
    /// Those that an earlier import of the archive connected.
    repeated: Vec<String>,
}

impl Imported {
    pub(super) fn in_words(&self) -> String {
        let words = [("Connected here", &self.connected), ("Imported before, so nothing was changed", &self.repeated)];
        let lines = words.into_iter().filter(|(_, names)| !names.is_empty());
        lines.map(|(words, names)| format!("{words}: {}.", names.join(", "))).collect::<Vec<_>>().join("\n")
    }
}

/// Connects accounts, after a check of all of them. Skips those that an earlier import of the archive connected.
pub(super) async fn connect(
    accounts: Vec<PlaintextAccount>,
    replace: bool,
    origin: Origin<'_>,
    settings: &Settings,
) -> Result<Imported, StartError> {
    let moving = open(settings).await?;
    let repeated = moving.check_import(&accounts, replace, origin).await?;
    connect_checked(&moving, accounts, &repeated, replace, origin).await
}

/// Connects accounts that [`Moving::check_import`] has checked, except those that it returned as `repeated`.
pub(super) async fn connect_checked(
    moving: &Moving,
    accounts: Vec<PlaintextAccount>,
    repeated: &[AccountName],
    replace: bool,
    origin: Origin<'_>,
) -> Result<Imported, StartError> {
    let mut imported =
        Imported { repeated: repeated.iter().map(AccountName::to_string).collect(), ..Imported::default() };
    for account in accounts.into_iter().filter(|account| !repeated.contains(&account.name)) {
        let name = account.name.to_string();
        match moving.connect(account, replace, origin).await {
            Ok(()) => imported.connected.push(name),
            Err(source) if imported.connected.is_empty() => return Err(source.into()),
            Err(source) => {
                return Err(StartError::PartlyImported { connected: imported.connected.join(", "), source });
            }
        }
    }
    Ok(imported)
}

fn to_plaintext(account: &ArchivedAccount, file: &Path) -> Result<PlaintextAccount, StartError> {
    let invalid = || StartError::InvalidAccount { file: file.to_owned(), name: account.name.clone() };
    let settings = ProviderSettings::from_json(account.settings.clone()).map_err(|_| invalid())?;
    Ok(PlaintextAccount {
        name: AccountName::parse(&account.name).map_err(|_| invalid())?,
        provider_type: ProviderType::parse(&account.provider_type).ok_or_else(invalid)?,
        display_name: account.display_name.clone(),
        enabled: account.enabled,
        access_token: account.access_token(),
        refresh_token: account.refresh_token(),
        metadata: settings.metadata().map_err(|_| invalid())?,
    })
}
