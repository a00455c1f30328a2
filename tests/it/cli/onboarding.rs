//! Tests of `goclaw onboard`, `goclaw migrate` and `goclaw serve`.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use insta::assert_snapshot;

use super::{NO_TOKENS_FOUND, assert_output, transcript};
use crate::support::gateway::{CommandOutput, Home};

/// Runs a line in bash with a minimal environment.
fn run_in_bash(home: &Home, line: &str) -> CommandOutput {
    let mut command = Command::new("/bin/bash");
    command.args(["-c", line]).env_clear().env("PATH", "/usr/bin:/bin").env("HOME", home.path());
    command.env("GOCLAW", env!("CARGO_BIN_EXE_goclaw")).current_dir(home.path());
    CommandOutput::of(command)
}

#[tokio::test]
async fn onboard_writes_a_private_file_that_a_shell_can_source() {
    let home = Home::without_provider();
    assert_snapshot!(transcript(&home, &["onboard"]), @r"
    $ goclaw onboard
    ! no gateway token found
    ! GOCLAW_TOKEN is not set, and there is no token in HOME/data/gateway.token.
    ! Start the gateway once to create a token: goclaw
    [exit code 1]
    ");
    assert!(!home.path().join(".env.local").exists());

    let gateway = home.start().await;
    let output = home.run(&["onboard"]);
    assert_output(&output, 0, "Wrote .env.local");
    assert!(!output.stdout.contains(&gateway.token) && !output.stderr.contains(&gateway.token));
    let file = home.path().join(".env.local");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.lines().all(|line| line.starts_with("export GOCLAW_") && line.contains('=')), "{text}");

    assert_output(&run_in_bash(&home, "source .env.local && \"$GOCLAW\" auth status"), 1, NO_TOKENS_FOUND);
    let output = run_in_bash(&home, "source .env.local && echo \"$GOCLAW_HOST:$GOCLAW_PORT $GOCLAW_TOKEN\"");
    assert_eq!(output.stdout, format!("127.0.0.1:{} {}\n", home.port, gateway.token));

    assert_snapshot!(transcript(&home, &["onboard", "onboard --force"]), @r"
    $ goclaw onboard
    ! .env.local already exists
    ! Replace it with: goclaw onboard --force
    [exit code 1]
    $ goclaw onboard --force
    Wrote .env.local: the address and the token of the gateway at http://127.0.0.1:PORT.
    Only you can read it. Keep it out of version control.

    Next:
      source .env.local
      goclaw auth status
    [exit code 0]
    ");
}

#[test]
fn migrate_creates_the_database_and_is_idempotent() {
    let home = Home::without_provider();
    assert_snapshot!(transcript(&home, &["migrate", "migrate"]), @r"
    $ goclaw migrate
    The database HOME/data/goclaw.db is up to date.
    [exit code 0]
    $ goclaw migrate
    The database HOME/data/goclaw.db is up to date.
    [exit code 0]
    ");
    assert_eq!(home.count_accounts_and_refresh_tokens(), (0, 0));
    assert!(!home.data_dir().join("encryption.key").exists(), "only a gateway creates the key");
}

#[tokio::test]
async fn serve_starts_the_gateway() {
    let home = Home::without_provider();
    let child = home.spawn(home.command(&["serve"]), "gateway");
    let gateway = home.wait_until_healthy(child).await;
    assert!(gateway.log().contains("goclaw is running"), "{}", gateway.log());
    gateway.stop().await;
}
