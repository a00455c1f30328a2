//! Files that hold one secret. Only the gateway's user can read the files that the gateway creates.

use std::{
    fs::{self, DirBuilder, File, Metadata},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt},
    path::{Path, PathBuf},
};

use secrecy::{ExposeSecret, SecretString, zeroize::Zeroizing};

use super::draft::create_draft;

/// Maximum size of a secret file in bytes.
const MAX_BYTES: u64 = 64 * 1024;

#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    #[error("cannot {doing} {path}")]
    Io { doing: &'static str, path: PathBuf, source: io::Error },
    #[error("{path} is not a regular file")]
    NotAFile { path: PathBuf },
    #[error("{path} is empty; put the secret back, or remove the file")]
    Empty { path: PathBuf },
    #[error("{path} is larger than {MAX_BYTES} bytes; it does not contain a secret")]
    TooLarge { path: PathBuf },
    #[error("{path} may be read by others (mode {mode:04o}); make it private with: chmod 600 {path}")]
    NotPrivate { path: PathBuf, mode: u32 },
    #[error("{path} is writable by others (mode {mode:04o}); make it read-only for them with: chmod go-w {path}")]
    Writable { path: PathBuf, mode: u32 },
}

/// Who manages a secret file. This decides which file modes are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ManagedBy {
    /// The gateway created the file. Only the gateway's user may read it.
    Gateway,
    /// The owner configured the file, e.g. as a mounted secret. Others may read it, but not write it.
    Owner,
}

/// Returns a function that adds the action and the path to an I/O error.
fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SecretFileError {
    move |source| SecretFileError::Io { doing, path: path.to_owned(), source }
}

/// Creates a folder and its parents with mode 0700. Existing folders are unchanged.
pub fn create_private_folder(path: &Path) -> Result<(), SecretFileError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed("create the folder", path))
}

/// Writes a secret to a new file with mode 0600 and syncs it. Returns false if the file exists.
pub fn create_secret_file(path: &Path, secret: &SecretString) -> Result<bool, SecretFileError> {
    let mut is_new = true;
    // `hard_link` does not overwrite.
    write_draft(path, secret, "write", |draft| match fs::hard_link(draft, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            is_new = false;
            Ok(())
        }
        linked => linked,
    })?;
    Ok(is_new)
}

/// Replaces a secret file by one with mode 0600 and syncs it. Readers see either the old or the new secret.
pub fn replace_secret_file(path: &Path, secret: &SecretString) -> Result<(), SecretFileError> {
    write_draft(path, secret, "replace", |draft| fs::rename(draft, path))
}

/// Writes a secret to a draft, so that no reader sees a partial file, and calls `publish` with the draft's path.
fn write_draft(
    path: &Path,
    secret: &SecretString,
    doing: &'static str,
    publish: impl FnOnce(&Path) -> io::Result<()>,
) -> Result<(), SecretFileError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    create_private_folder(folder)?;
    let (mut file, draft) = create_draft(path).map_err(failed("create", path))?;
    let written = writeln!(file, "{}", secret.expose_secret()).and_then(|()| file.sync_all());
    let published = written.and_then(|()| publish(&draft));
    match fs::remove_file(&draft) {
        // `publish` has renamed the draft.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        removed => removed.map_err(failed("remove the draft of", path))?,
    }
    published.map_err(failed(doing, path))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed("sync", path))
}

/// Reads a secret file and trims white space. Follows links. Returns None if the file does not exist.
///
/// # Errors
/// [`SecretFileError::NotPrivate`] or [`SecretFileError::Writable`] by the rule of `managed_by`,
/// [`SecretFileError::Empty`], [`SecretFileError::TooLarge`], [`SecretFileError::NotAFile`], [`SecretFileError::Io`].
pub fn read_secret_file(path: &Path, managed_by: ManagedBy) -> Result<Option<SecretString>, SecretFileError> {
    // Opening a named pipe would wait for a writer.
    if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return Err(SecretFileError::NotAFile { path: path.to_owned() });
    }
    read(path, managed_by)
}

/// Reads a secret file of the owner once, like [`read_secret_file`]. It may also be a pipe, such as `<(pass show NAME)`
/// in a shell. Waits until the pipe is closed.
///
/// # Errors
/// As for [`read_secret_file`].
pub fn read_secret_file_or_pipe(path: &Path) -> Result<Option<SecretString>, SecretFileError> {
    if fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.file_type().is_fifo()) {
        return Err(SecretFileError::NotAFile { path: path.to_owned() });
    }
    read(path, ManagedBy::Owner)
}

fn read(path: &Path, managed_by: ManagedBy) -> Result<Option<SecretString>, SecretFileError> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(failed("open", path))?,
    };
    let mode = mode(&file.metadata().map_err(failed("get the mode of", path))?);
    match managed_by {
        ManagedBy::Gateway if mode & 0o077 != 0 => {
            return Err(SecretFileError::NotPrivate { path: path.to_owned(), mode });
        }
        ManagedBy::Owner if mode & 0o022 != 0 => {
            return Err(SecretFileError::Writable { path: path.to_owned(), mode });
        }
        ManagedBy::Gateway | ManagedBy::Owner => {}
    }
    // A growing buffer would leave copies of the secret in memory.
    let mut text = Zeroizing::new(String::with_capacity(MAX_BYTES as usize + 1));
    file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(failed("read", path))?;
    if text.len() as u64 > MAX_BYTES {
        return Err(SecretFileError::TooLarge { path: path.to_owned() });
    }
    match text.trim() {
        "" => Err(SecretFileError::Empty { path: path.to_owned() }),
        secret => Ok(Some(SecretString::from(secret))),
    }
}

/// Returns the mode of a file if every user of the machine can read the file.
pub fn mode_if_public(path: &Path) -> Option<u32> {
    let mode = mode(&fs::metadata(path).ok()?);
    let folder = path.parent().and_then(|folder| fs::metadata(folder).ok());
    let is_reachable = folder.is_none_or(|folder| folder.permissions().mode() & 0o001 != 0);
    (is_reachable && mode & 0o004 != 0).then_some(mode)
}

fn mode(metadata: &Metadata) -> u32 {
    metadata.permissions().mode() & 0o777
}
