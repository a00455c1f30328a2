//! Errors of the start, and of the commands that need no running gateway. Where possible, a text names the remedy.

use std::{error::Error, io, iter, net::SocketAddr, path::PathBuf};

use crate::{
    adapters::{
        archive::ArchiveError,
        cipher::InvalidKey,
        cli::passphrase::PassphraseError,
        data_folder::UnsafeFolder,
        foreign::ForeignError,
        outbound::InvalidAuthorities,
        secret_file::SecretFileError,
        serving::InvalidCertificate,
        settings::SettingsError,
        store::{CopyError, OpenStoreError},
    },
    app::{AppError, KeyError, MoveError},
    domain::{gateway_token, ids::AccountName},
    ports::{JournalError, RandomError, StoreError},
};

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(
        "port {} is taken on {}: another program, perhaps another goclaw, listens there; stop it, or choose another \
         port: GOCLAW_PORT={} goclaw", address.port(), address.ip(), address.port().wrapping_add(1)
    )]
    PortTaken { address: SocketAddr },
    #[error(
        "user {user} listens on {address}, and is neither you, nor root, nor the owner of {} or of data_dir, so the gateway's \
         token was not sent; stop that program and start the gateway, or trust it with GOCLAW_INSECURE=1", token_file.display()
    )]
    ForeignListener { address: SocketAddr, user: u32, token_file: PathBuf },
    #[error("cannot listen on {address}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error(transparent)]
    UnsafeFolder(#[from] UnsafeFolder),
    #[error(transparent)]
    SecretFile(#[from] SecretFileError),
    #[error(
        "the gateway token in {place} has fewer than {} characters and can be guessed; make one with: openssl rand -hex 32",
        gateway_token::MIN_LENGTH
    )]
    WeakToken { place: String },
    #[error(
        "the gateway token in {place} cannot be sent in an HTTP header; it must be one line of visible ASCII without spaces \
         or a byte order mark"
    )]
    UnsendableToken { place: String },
    #[error("the configured file {} does not exist", .0.display())]
    ConfiguredFileMissing(PathBuf),
    #[error(
        "GOCLAW_TOKEN is set, and {} exists: it is not clear which token the gateway uses. To rotate the token in the file, \
         unset GOCLAW_TOKEN. If the gateway runs with GOCLAW_TOKEN, remove the file", .0.display()
    )]
    AmbiguousToken(PathBuf),
    #[error(
        "the gateway token can be replaced only on the gateway's machine, and GOCLAW_GATEWAY_URL is set: unset it, or name \
         a program's token: goclaw tokens rotate NAME"
    )]
    RotatesHereOnly,
    #[error("there is no {} yet; start the gateway once", .0.display())]
    NotStartedYet(PathBuf),
    #[error(
        "the encryption key {} is missing, and the credentials in the database {database} cannot be opened without it; \
         put it back, or move the database away and sign in again", key.display()
    )]
    KeyLost { key: PathBuf, database: String },
    #[error("{place} has no valid encryption key")]
    InvalidKey { place: String, source: InvalidKey },
    #[error(transparent)]
    OpenStore(#[from] OpenStoreError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Random(#[from] RandomError),
    #[error(transparent)]
    Authorities(#[from] InvalidAuthorities),
    #[error(transparent)]
    Certificate(#[from] InvalidCertificate),
    #[error("the HTTP client cannot be set up")]
    HttpClient(#[source] Box<dyn Error + Send + Sync>),
    #[error(transparent)]
    Key(KeyError),
    #[error(
        "the stored credentials cannot be opened; if the encryption key was changed, configure the one that sealed them, \
         or move the database away and sign in again"
    )]
    Vault(#[source] AppError),
    #[error("the gateway cannot start")]
    App(#[source] AppError),
    #[error(transparent)]
    Passphrase(#[from] PassphraseError),
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error(transparent)]
    Copy(#[from] CopyError),
    #[cfg(feature = "demo")]
    #[error("the simulated provider cannot start")]
    Demo(#[source] Box<dyn Error + Send + Sync>),
    #[error("there is no database {0}")]
    NoDatabase(String),
    #[error("the configuration file {} cannot be read", path.display())]
    ConfigFile { path: PathBuf, source: io::Error },
    #[error(
        "the database {0} is in use: it has accounts, tokens of programs, or revocations that wait. Back it up, then run \
         this again with --replace"
    )]
    DatabaseInUse(String),
    #[error(
        "the archive was sealed with the encryption key {needed}, which is not in {place}; put it there first, or restore \
         a backup that was made with --with-keys"
    )]
    KeyNeeded { needed: String, place: String },
    #[error(
        "the archive brings encryption keys that the configured ones lack, and {place} is configured, so change it \
         yourself: add them there, which `age --decrypt` shows in the first line"
    )]
    KeysConfigured { place: String },
    #[error(
        "the token journal {place} cannot be read, and without it a spent token could be presented; nothing was restored"
    )]
    Journal { place: String, source: JournalError },
    #[error(transparent)]
    Move(#[from] MoveError),
    #[error("no account can be moved; goclaw providers list shows them")]
    NothingToMove,
    #[error(
        "the accounts were removed here, and their tokens are in {}; give it the name that you want, and import it there",
        draft.display()
    )]
    Unpublished { draft: PathBuf, source: ArchiveError },
    #[error(
        "it is unknown whether the accounts were removed here. If goclaw providers list does not show them, their \
         tokens are in {}: give it the name that you want, and import it there. If it does, delete that file", draft.display()
    )]
    UnknownRemoval { draft: PathBuf, source: AppError },
    #[error(
        "{} is the draft of an export. Its accounts may be in use where they come from. If they are not connected there \
         (goclaw providers list), give it another name and import it", .0.display()
    )]
    DraftOfExport(PathBuf),
    #[error(
        "interrupted; if an export has left a file with .draft- in its name, it may be the only copy of the tokens"
    )]
    Interrupted,
    #[error("{} is a backup of a whole database; goclaw restore reads it", .0.display())]
    IsABackup(PathBuf),
    #[error("{} has accounts for goclaw import", .0.display())]
    IsAnExport(PathBuf),
    #[error(
        "two holders of one sign-in end it: the next refresh by either ends the other's. Sign in here instead, which leaves \
         the other one alone: goclaw auth login. Or stop {0} for good, and run this again with --take-over"
    )]
    WouldShare(&'static str),
    #[error("{} cannot be imported", file.display())]
    Foreign { file: PathBuf, source: ForeignError },
    #[error("{} cannot be moved out of the way", file.display())]
    SetAside { file: PathBuf, source: io::Error },
    #[error(
        "the login may be connected here already, so its file stays out of the way in {}; see: goclaw auth status. If the \
         account is not connected, rename the file back and try again", file.display()
    )]
    PossiblyTakenOver { file: PathBuf, source: MoveError },
    #[error(
        "these accounts are connected here now: {connected}. To import the others, name them in the command. Do not \
         import these again with --replace: their tokens may be spent by then"
    )]
    PartlyImported { connected: String, source: MoveError },
    #[error("the account {0} is not in the archive")]
    NotInArchive(AccountName),
    #[error("the account {name:?} in {} has values that this version does not know", file.display())]
    InvalidAccount { file: PathBuf, name: String },
    #[error("the account {name} is in {} twice; nothing was imported", file.display())]
    AccountTwice { file: PathBuf, name: AccountName },
    #[error("the runtime cannot be started")]
    Runtime(#[source] io::Error),
    #[error("the output cannot be written")]
    Output(#[source] io::Error),
}

impl StartError {
    pub(super) fn http_client(error: impl Error + Send + Sync + 'static) -> Self {
        Self::HttpClient(Box::new(error))
    }
}

impl From<AppError> for StartError {
    fn from(error: AppError) -> Self {
        if let AppError::Key(error) = error {
            Self::Key(error)
        } else if matches!(error, AppError::Vault(_)) {
            Self::Vault(error)
        } else {
            Self::App(error)
        }
    }
}

/// Returns an error and its causes in one line.
pub fn sentence(error: &StartError) -> String {
    let mut text = one_line(&error.to_string());
    for cause in iter::successors(error.source(), |&cause| cause.source()) {
        let cause = one_line(&cause.to_string());
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// Joins lines, without those in which a parser quotes its input (`3 | token = ...`): they may hold a secret.
fn one_line(text: &str) -> String {
    let is_quote =
        |line: &str| line.trim_start().trim_start_matches(|c: char| c.is_ascii_digit()).trim().starts_with('|');
    let lines: Vec<&str> = text.lines().filter(|line| !is_quote(line)).map(str::trim).collect();
    lines.join(": ").replace(": in ", " in ")
}
