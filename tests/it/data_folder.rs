//! Tests that the gateway does not start with a data folder in which another user could have planted files.

use std::{
    fs::{self, Permissions},
    os::unix::{
        fs::{PermissionsExt, chown, symlink},
        process::CommandExt,
    },
    path::Path,
    process::Command,
};

use crate::support::gateway::{CommandOutput, Home};

const PLANTED: &str = "a-planted-token-with-32-characters-or-more";

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("the mode");
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("a file").permissions().mode() & 0o7777
}

fn home_with_folder_mode(folder_mode: u32) -> Home {
    let home = Home::without_provider();
    fs::create_dir(home.data_dir()).expect("a folder");
    set_mode(&home.data_dir(), folder_mode);
    home
}

/// Asserts that the start fails and that its error has these words.
fn assert_refused(home: &Home, words: &[&str]) {
    let output = home.run(&["serve"]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(1), ""), "{}", output.stderr);
    for word in words {
        assert!(output.stderr.contains(word), "{word:?} is not in {}", output.stderr);
    }
}

#[test]
fn a_folder_that_others_may_change_is_refused_with_its_planted_files() {
    let home = home_with_folder_mode(0o777);
    let token = home.data_dir().join("gateway.token");
    fs::write(&token, PLANTED).expect("a file");
    set_mode(&token, 0o600);
    let path = home.data_dir().display().to_string();
    assert_refused(&home, &[&path, "mode 0777", &format!("chmod go-w {path}")]);
    assert!(!home.data_dir().join("goclaw.db").exists(), "nothing is created");
}

#[test]
fn a_link_among_the_files_is_refused_and_not_followed() {
    let names =
        ["gateway.token", "encryption.key", "encryption.key.is-configured", "goclaw.db", "goclaw.db-wal", "escrow"];
    for name in names {
        let home = home_with_folder_mode(0o700);
        let target = home.path().join("elsewhere");
        fs::write(&target, "").expect("a file");
        let before = fs::metadata(&target).expect("a file").modified().expect("a time");
        symlink(&target, home.data_dir().join(name)).expect("a link");
        assert_refused(&home, &[name, "is a symbolic link"]);
        assert_eq!(fs::read(&target).expect("a file"), b"", "{name}");
        assert_eq!(fs::metadata(&target).expect("a file").modified().expect("a time"), before, "{name}");
    }
}

#[test]
fn a_parent_that_everybody_may_change_is_refused_unless_it_is_sticky() {
    let home = Home::without_provider();
    let parent = home.path().join("open");
    fs::create_dir(&parent).expect("a folder");
    fs::create_dir(parent.join("data")).expect("a folder");
    let home = home.with("GOCLAW_DATA_DIR", &parent.join("data").display().to_string());
    set_mode(&parent, 0o777);
    assert_refused(&home, &["chmod o-w", &parent.display().to_string()]);
    // In an open folder, there may also be a link to a safe one, or a link on the way to it.
    fs::remove_dir(parent.join("data")).expect("an empty folder");
    fs::create_dir(home.path().join("safe")).expect("a folder");
    symlink("../safe", parent.join("data")).expect("a link");
    assert_refused(&home, &["chmod o-w", &parent.display().to_string()]);
    symlink("open/data", home.path().join("link")).expect("a link");
    let home = home.with("GOCLAW_DATA_DIR", &parent.with_file_name("link").display().to_string());
    assert_refused(&home, &["chmod o-w", &parent.display().to_string()]);
    set_mode(&parent, 0o1777);
    assert_eq!(home.run(&["migrate"]).code, Some(0));
    assert!(parent.with_file_name("safe").join("goclaw.db").exists());
}

#[tokio::test]
async fn a_readable_database_becomes_private_and_a_linked_folder_is_followed() {
    let home = Home::without_provider();
    home.start().await.stop().await;
    let database = home.data_dir().join("goclaw.db");
    set_mode(&database, 0o644);
    set_mode(&home.data_dir(), 0o755);
    let real = home.path().join("real");
    fs::rename(home.data_dir(), &real).expect("it moves");
    symlink(&real, home.data_dir()).expect("a link");
    let gateway = home.start().await;
    assert_eq!(mode(&database), 0o600);
    assert!(gateway.log().contains("open to others") && gateway.log().contains("0644"), "{}", gateway.log());
}

#[tokio::test]
async fn a_configured_database_is_closed_to_others() {
    let home = Home::without_provider();
    let database = home.path().join("configured.db");
    let responses = database.with_extension("responses.db");
    let home = home.with("GOCLAW_DATABASE__URL", &format!("sqlite:{}", database.display()));
    home.start().await.stop().await;
    for file in [&database, &responses] {
        set_mode(file, 0o664);
    }
    let gateway = home.start().await;
    for file in [&database, &responses] {
        assert_eq!(mode(file), 0o660, "{}", file.display());
    }
    assert!(gateway.log().contains("others cannot any more"), "{}", gateway.log());
}

/// Kubernetes mounts a volume like this: it belongs to root, and the pod's `fsGroup` may write it.
#[test]
fn in_a_mount_of_another_user_the_gateway_makes_a_private_folder() {
    const USER: u32 = 12_345;
    const GROUP: u32 = 23_456;
    let folder = tempfile::tempdir().expect("a folder");
    // Only root can set this group; other users run the test with their own user and group.
    let is_root = chown(folder.path(), None, Some(GROUP)).is_ok();
    set_mode(folder.path(), 0o2775);
    let program = folder.path().join("goclaw");
    fs::copy(env!("CARGO_BIN_EXE_goclaw"), &program).expect("a copy that this user can run");
    let data = folder.path().join("goclaw-data");
    let home = Home::without_provider().with("GOCLAW_DATA_DIR", &data.display().to_string());
    let template = home.command(&[]);
    let migrate = || {
        let mut command = Command::new(&program);
        let variables = template.get_envs().filter_map(|(name, value)| Some((name, value?)));
        command.arg("migrate").env_clear().envs(variables).current_dir("/");
        if is_root {
            command.uid(USER).gid(GROUP);
        }
        CommandOutput::of(command)
    };
    let output = migrate();
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert_eq!(mode(&data) & 0o777, 0o700);
    assert_eq!(migrate().code, Some(0), "the next start accepts it");
    assert_eq!(mode(&data.join("goclaw.db")), 0o600);
    // `fsGroupChangePolicy: Always` would set this mode at each mount.
    set_mode(&data, 0o2770);
    let output = migrate();
    assert_eq!(output.code, Some(1), "{}", output.stdout);
    assert!(output.stderr.contains("is writable by others"), "{}", output.stderr);
}

#[test]
fn files_of_another_user_are_refused() {
    let home = home_with_folder_mode(0o700);
    for name in ["gateway.token", "gateway.token.previous", "encryption.key", "goclaw.db", "goclaw.responses.db-wal"] {
        let file = home.data_dir().join(name);
        fs::write(&file, PLANTED).expect("a file");
        set_mode(&file, 0o600);
        // Only root can change the owner of a file; other users run the test with a folder of root.
        if chown(&file, Some(12_345), None).is_err() {
            return assert_refused(&home.with("GOCLAW_DATA_DIR", "/usr"), &["/usr belongs to user 0"]);
        }
        assert_refused(&home, &[name, "belongs to user 12345", "mode 0600", "chown -R"]);
        fs::remove_file(file).expect("it is there");
    }
    chown(home.data_dir(), Some(12_345), None).expect("root may do it");
    let path = home.data_dir().display().to_string();
    assert_refused(&home, &["belongs to user 12345", "mode 0700", &path, "sudo -u '#12345' goclaw"]);
}
