//! The arguments of `goclaw backup`, `restore`, `export` and `import`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand, ValueEnum};

use super::{
    help::{BACKUP_HELP, EXPORT_HELP, IMPORT_HELP, RESTORE_HELP},
    passphrase::PassphraseOptions,
};
use crate::domain::{
    ids::{AccountName, InvalidAccountName},
    provider::openai_codex,
};

#[derive(Debug, Subcommand)]
pub enum ArchiveCommand {
    /// Write the database into one sealed file, also while the gateway runs
    #[command(after_help = BACKUP_HELP)]
    Backup(BackupOptions),
    /// Fill an empty database from a backup
    #[command(after_help = RESTORE_HELP)]
    Restore(RestoreOptions),
    /// Move accounts into a sealed file, for another installation. They are removed here
    #[command(after_help = EXPORT_HELP)]
    Export(ExportOptions),
    /// Connect the accounts in an export
    #[command(after_help = IMPORT_HELP)]
    Import(ImportOptions),
}

#[derive(Debug, Args)]
pub struct BackupOptions {
    /// The file to write. It must not exist
    pub file: PathBuf,
    /// Put the encryption keys and the gateway's token into it too: then the file and its passphrase are all that a new
    /// machine needs, and all that a thief needs
    #[arg(long)]
    pub with_keys: bool,
    /// Leave out the remembered responses, which may be large
    #[arg(long)]
    pub without_responses: bool,
    #[command(flatten)]
    pub passphrase: PassphraseOptions,
}

#[derive(Debug, Args)]
pub struct RestoreOptions {
    /// The file that `goclaw backup` wrote
    pub file: PathBuf,
    /// Replace what is in the database
    #[arg(long)]
    pub replace: bool,
    #[command(flatten)]
    pub passphrase: PassphraseOptions,
}

#[derive(Debug, Args)]
#[command(
    group(ArgGroup::new("which").required(true).args(["names", "all"])),
    override_usage = "goclaw export [OPTIONS] <FILE> <ACCOUNT>...\n       goclaw export [OPTIONS] <FILE> --all"
)]
pub struct ExportOptions {
    /// The file to write. It must not exist
    pub file: PathBuf,
    /// The accounts
    #[arg(value_name = "ACCOUNT", value_parser = account_name)]
    pub names: Vec<AccountName>,
    /// All accounts that can be moved
    #[arg(long)]
    pub all: bool,
    #[command(flatten)]
    pub passphrase: PassphraseOptions,
}

#[derive(Debug, Args)]
pub struct ImportOptions {
    /// The file that `goclaw export` wrote; with --from, the other program's file
    pub file: PathBuf,
    /// Only these accounts of it; with --from codex, the name that the account gets
    #[arg(value_name = "ACCOUNT", value_parser = account_name)]
    pub names: Vec<AccountName>,
    /// Replace accounts that are connected here
    #[arg(long)]
    pub replace: bool,
    /// The program that wrote the file
    #[arg(long, value_enum, default_value_t = ImportFrom::Export, hide_default_value = true)]
    pub from: ImportFrom,
    /// With --from: the other program is stopped and will not use the sign-in again
    #[arg(long)]
    pub take_over: bool,
    /// With --from goclaw: a file with that service's GOCLAW_ENCRYPTION_KEY
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    #[command(flatten)]
    pub passphrase: PassphraseOptions,
}

/// Where accounts come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ImportFrom {
    /// `goclaw export`
    Export,
    /// The Codex CLI: its auth.json
    Codex,
    /// The GoClaw service written in Go: its SQLite file, or a file with the URL of its PostgreSQL database
    Goclaw,
}

/// Parses the name of an account. `openai` is an alias of `openai-codex`.
fn account_name(text: &str) -> Result<AccountName, InvalidAccountName> {
    AccountName::parse(openai_codex::canonical(text))
}
