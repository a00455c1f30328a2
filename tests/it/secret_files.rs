//! Files that hold one secret.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use goclaw::adapters::secret_file::{SecretFileError, create_secret_file, read_secret_file, replace_secret_file};
use secrecy::{ExposeSecret, SecretString};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn read(path: &Path) -> String {
    read_secret_file(path).unwrap().unwrap().expose_secret().to_owned()
}

#[test]
fn a_secret_file_is_private_and_only_replaced_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data/encryption.key");
    assert!(read_secret_file(&path).unwrap().is_none());
    assert!(create_secret_file(&path, &SecretString::from("one")).unwrap());
    assert!(!create_secret_file(&path, &SecretString::from("two")).unwrap());
    assert_eq!(read(&path), "one");
    // A replacement that was left behind must not be taken for the new secret.
    fs::write(path.with_extension("replacement"), "stale").unwrap();
    replace_secret_file(&path, &SecretString::from("three")).unwrap();
    assert_eq!(read(&path), "three");
    fs::remove_file(path.with_extension("replacement")).unwrap();
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "the drafts are removed");
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
