//! Tests of files that hold one secret.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use goclaw::adapters::secret_file::{
    ManagedBy, SecretFileError, create_secret_file, mode_if_public, read_secret_file, replace_secret_file,
};
use secrecy::{ExposeSecret, SecretString};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn read(path: &Path) -> String {
    read_secret_file(path, ManagedBy::Gateway).unwrap().unwrap().expose_secret().to_owned()
}

#[test]
fn a_secret_file_is_private_and_only_replaced_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data/encryption.key");
    assert!(read_secret_file(&path, ManagedBy::Gateway).unwrap().is_none());
    assert!(create_secret_file(&path, &SecretString::from("one")).unwrap());
    assert!(!create_secret_file(&path, &SecretString::from("two")).unwrap());
    assert_eq!(read(&path), "one");
    // A killed process with the same process id has left a draft. It is not used and blocks nothing.
    let stale = path.with_file_name(format!("encryption.key.draft-{}-0", std::process::id()));
    fs::write(&stale, "stale").unwrap();
    replace_secret_file(&path, &SecretString::from("three")).unwrap();
    assert_eq!(read(&path), "three");
    fs::remove_file(stale).unwrap();
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "the drafts are removed");
}

#[test]
fn a_secret_file_that_others_may_read_or_that_holds_no_secret_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    fs::write(&path, "secret").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(
        read_secret_file(&path, ManagedBy::Gateway),
        Err(SecretFileError::NotPrivate { mode: 0o644, .. })
    ));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&path, " \n").unwrap();
    assert!(matches!(read_secret_file(&path, ManagedBy::Gateway), Err(SecretFileError::Empty { .. })));
    fs::write(&path, "x".repeat(64 * 1024 + 1)).unwrap();
    assert!(matches!(read_secret_file(&path, ManagedBy::Gateway), Err(SecretFileError::TooLarge { .. })));
}

/// Opening a named pipe would wait for a writer, and a pipe cannot be read twice, as secret files are.
#[test]
fn a_folder_and_a_named_pipe_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").args(["-m", "600"]).arg(&pipe).status().unwrap().success());
    for path in [folder.path(), &pipe] {
        for managed_by in [ManagedBy::Gateway, ManagedBy::Owner] {
            assert!(
                matches!(read_secret_file(path, managed_by), Err(SecretFileError::NotAFile { .. })),
                "{}",
                path.display()
            );
        }
    }
}

#[test]
fn a_configured_file_may_be_readable_and_not_writable_by_others() {
    let folder = tempfile::tempdir().unwrap();
    // Kubernetes mounts a secret as a symbolic link.
    let (path, link) = (folder.path().join("..data-key"), folder.path().join("key"));
    fs::write(&path, "secret").unwrap();
    std::os::unix::fs::symlink(&path, &link).unwrap();
    for (mode, is_read) in [(0o400, true), (0o440, true), (0o444, true), (0o660, false), (0o602, false), (0o620, false)]
    {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        for path in [&path, &link] {
            match read_secret_file(path, ManagedBy::Owner) {
                Ok(secret) => assert!(is_read && secret.is_some(), "{mode:o}"),
                Err(error) => {
                    assert!(!is_read && matches!(error, SecretFileError::Writable { .. }), "{error}");
                    assert!(error.to_string().contains(&format!("{mode:04o}")), "{error}");
                }
            }
        }
    }
}

#[test]
fn a_file_is_public_if_others_can_read_it_and_enter_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    fs::write(&path, "secret").unwrap();
    for (folder_mode, file_mode, is_public) in
        [(0o755, 0o444, true), (0o700, 0o444, false), (0o755, 0o440, false), (0o750, 0o444, false)]
    {
        fs::set_permissions(&path, fs::Permissions::from_mode(file_mode)).unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(folder_mode)).unwrap();
        assert_eq!(mode_if_public(&path).is_some(), is_public, "{folder_mode:o} {file_mode:o}");
    }
    assert_eq!(mode_if_public(Path::new("/nowhere/at/all")), None);
}
