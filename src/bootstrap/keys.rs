//! `goclaw keys`: shows and replaces encryption keys, and adopts a database of the first format. Uses the database
//! directly, so no gateway needs to run.

use std::{process::ExitCode, sync::Arc, time::Duration};

use super::{
    StartError,
    first_start::is_key_configured,
    stores::{Storage, check_exists},
};
use crate::{
    adapters::{
        cipher::{EncryptionKey, KeyRing},
        cli::{KeysCommand, render, words::table},
        secret_file::{ManagedBy, read_secret_file, replace_secret_file},
        settings::{DatabaseSettings, Settings},
        system::{SystemClock, SystemRandom},
    },
    app::{Adoption, KeyUse, Keys, Resealed, Vault},
};

/// How long running gateways may take to notice a new key. They read changes twice a second.
const NOTICED_WITHIN: Duration = Duration::from_secs(2);

/// Runs a command. The exit code is 1 if values could not be resealed, because their old key is still needed.
pub(super) async fn run(command: KeysCommand, settings: &Settings) -> Result<ExitCode, StartError> {
    check_exists(&settings.database)?;
    match command {
        KeysCommand::List => {
            render::table(&key_table(&open(settings).await?.list().await?)).map_err(StartError::Output)?;
        }
        KeysCommand::Adopt => {
            let done = open(settings).await?.check(Adoption::Requested).await?;
            print(&format!("The database is adopted. Values resealed: {}.{}", done.values, unopened_lines(&done)))?;
        }
        KeysCommand::Reseal => return report(&open(settings).await?.reseal().await?),
        KeysCommand::Rotate => return rotate(settings).await,
    }
    Ok(ExitCode::SUCCESS)
}

/// Opens the database and the journal with the configured keys.
pub(super) async fn open(settings: &Settings) -> Result<Keys, StartError> {
    let Storage { stores, journal, cipher } = Storage::open(settings, Arc::new(SystemRandom)).await?;
    Ok(Keys {
        store: stores.keys,
        credentials: stores.credentials,
        revocations: stores.revocations,
        api_tokens: stores.api_tokens,
        logins: stores.logins,
        journal,
        audit: stores.audit,
        vault: Vault::new(cipher.clone()),
        cipher,
        clock: Arc::new(SystemClock),
    })
}

/// Writes a new key into the first line of the key file and reseals the stored values with it. A running gateway
/// rereads the file when it needs the new key. If the keys are configured or shared by several machines, prints
/// instructions for the owner instead.
async fn rotate(settings: &Settings) -> Result<ExitCode, StartError> {
    if is_key_configured(settings) || matches!(settings.database, DatabaseSettings::Postgres(_)) {
        print(ROTATE_CONFIGURED)?;
        return Ok(ExitCode::SUCCESS);
    }
    // Check the old key first: a wrong key must not become the second line of the new file.
    open(settings).await?.check(Adoption::No).await?;
    let path = settings.key_file();
    let old = read_secret_file(&path, ManagedBy::Gateway)?.ok_or_else(|| StartError::NotStartedYet(path.clone()))?;
    let new = EncryptionKey::generate(&SystemRandom)?;
    replace_secret_file(&path, &KeyRing::key_file_text(&new, &old))?;
    print(&format!(
        "The new key {} is the first line of {}. Keep a copy of the file: the old key is needed until\n`goclaw keys list` \
         shows nothing under it. If this command is interrupted, run: goclaw keys reseal",
        new.id(),
        path.display()
    ))?;
    let keys = open(settings).await?;
    keys.check(Adoption::No).await?;
    // Running gateways notice the new key check, and seal with the new key from then on.
    keys.clock.sleep(NOTICED_WITHIN).await;
    report(&keys.reseal().await?)
}

const ROTATE_CONFIGURED: &str = "\
The keys are configured, so change them there, on every gateway that shares the database:
  1. Make a key:                                openssl rand -base64 32
  2. Add it as the last of encryption.keys (or the last line of the key file), and restart each gateway.
  3. Make it the first one, and restart each gateway: new values are sealed with it.
  4. Run on each gateway's machine:             goclaw keys reseal
  5. When this shows nothing under the old key: goclaw keys list
     remove the old key, and restart each gateway.";

fn key_table(keys: &[KeyUse]) -> String {
    let yes_or_no = |is: bool| if is { "yes" } else { "no" }.to_owned();
    let row = |key: &KeyUse| {
        let journal_records: usize = key.journal_records.values().sum();
        let (values, journal_records) = (key.values.to_string(), journal_records.to_string());
        [key.key_id.to_string(), yes_or_no(key.is_first), yes_or_no(key.is_configured), values, journal_records]
    };
    let mut text = table(["KEY", "SEALS", "CONFIGURED", "VALUES", "JOURNAL RECORDS"], keys.iter().map(row));
    for key in keys.iter().filter(|key| !key.is_first) {
        for (place, records) in &key.journal_records {
            text += &format!("\n{}: {records} in the journal {place}; run there: goclaw keys reseal", key.key_id);
        }
    }
    text
}

fn report(done: &Resealed) -> Result<ExitCode, StartError> {
    let Resealed { values, journal_records, .. } = done;
    print(&format!("Resealed: {values} values, {journal_records} journal records.{}", unopened_lines(done)))?;
    Ok(if done.unopened.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Returns a line for each value that could not be opened.
fn unopened_lines(done: &Resealed) -> String {
    done.unopened.iter().map(|value| format!("\nCould not be opened, left unchanged: {value}")).collect()
}

fn print(text: &str) -> Result<(), StartError> {
    render::line(text).map_err(StartError::Output)
}
