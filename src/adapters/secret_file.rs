//! Files that hold one secret: created once, readable only by their owner, never overwritten.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use secrecy::{ExposeSecret, SecretString};

/// Bytes of a secret file that are read at most.
const MAX_BYTES: u64 = 64 * 1024;

#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    #[error("cannot {doing} {path}")]
    Io { doing: &'static str, path: PathBuf, source: io::Error },
    #[error("{path} is empty; put the secret back, or remove the file")]
    Empty { path: PathBuf },
    #[error("{path} may be read by others (mode {mode:o}); make it private with: chmod 600 {path}")]
    NotPrivate { path: PathBuf, mode: u32 },
}

/// Creates a folder and its parents with mode 0700. Existing folders are unchanged.
pub fn create_private_folder(path: &Path) -> Result<(), SecretFileError> {
    let result = DirBuilder::new().recursive(true).mode(0o700).create(path);
    result.map_err(|source| SecretFileError::Io { doing: "create the folder", path: path.to_owned(), source })
}

/// Writes a secret to a new file with mode 0600 and syncs it. Returns false if the file exists.
pub fn create_secret_file(path: &Path, secret: &SecretString) -> Result<bool, SecretFileError> {
    let fail = |doing, source| SecretFileError::Io { doing, path: path.to_owned(), source };
    let folder = path.parent().unwrap_or(Path::new("."));
    create_private_folder(folder)?;
    // Written under another name first, so that no reader sees a partial secret. `hard_link` does not overwrite.
    let draft = path.with_extension(format!("draft-{}", std::process::id()));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)
        .map_err(|source| fail("create", source))?;
    let written = writeln!(file, "{}", secret.expose_secret()).and_then(|()| file.sync_all());
    let linked = written.and_then(|()| fs::hard_link(&draft, path));
    fs::remove_file(&draft).map_err(|source| fail("remove the draft of", source))?;
    match linked {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
        Err(source) => return Err(fail("write", source)),
    }
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|source| fail("sync", source))?;
    Ok(true)
}

/// Replaces a secret file by one with mode 0600 and syncs it. A reader sees the old or the new secret.
pub fn replace_secret_file(path: &Path, secret: &SecretString) -> Result<(), SecretFileError> {
    let draft = path.with_extension("replacement");
    create_secret_file(&draft, secret)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let replaced = fs::rename(&draft, path).and_then(|()| File::open(folder)?.sync_all());
    replaced.map_err(|source| SecretFileError::Io { doing: "replace", path: path.to_owned(), source })
}

/// Reads a secret file and trims white space. Returns None if the file does not exist.
///
/// # Errors
/// [`SecretFileError::NotPrivate`] if others may read the file, [`SecretFileError::Empty`], [`SecretFileError::Io`].
pub fn read_secret_file(path: &Path) -> Result<Option<SecretString>, SecretFileError> {
    let fail = |doing, source| SecretFileError::Io { doing, path: path.to_owned(), source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(fail("open", source)),
    };
    let metadata = file.metadata().map_err(|source| fail("get the mode of", source))?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(SecretFileError::NotPrivate { path: path.to_owned(), mode });
    }
    let mut text = String::new();
    file.take(MAX_BYTES).read_to_string(&mut text).map_err(|source| fail("read", source))?;
    match text.trim() {
        "" => Err(SecretFileError::Empty { path: path.to_owned() }),
        secret => Ok(Some(SecretString::from(secret))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_file_is_private_and_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data/encryption.key");
        assert!(read_secret_file(&path).unwrap().is_none());
        assert!(create_secret_file(&path, &SecretString::from("one")).unwrap());
        assert!(!create_secret_file(&path, &SecretString::from("two")).unwrap());
        assert_eq!(read_secret_file(&path).unwrap().unwrap().expose_secret(), "one");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "the draft is removed");
    }

    #[test]
    fn a_secret_file_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, "secret").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(read_secret_file(&path), Err(SecretFileError::NotPrivate { mode: 0o644, .. })));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, " \n").unwrap();
        assert!(matches!(read_secret_file(&path), Err(SecretFileError::Empty { .. })));
    }
}
