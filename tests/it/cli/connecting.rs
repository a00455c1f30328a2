//! Tests of how commands find the gateway and its token, when they do not send the token, and how they read secrets.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    os::unix::{
        fs::{MetadataExt, PermissionsExt, chown},
        process::CommandExt,
    },
    process::Command,
};

use goclaw::adapters::diagnosis::user_listening_at;
use insta::{allow_duplicates, assert_snapshot};
use serde_json::json;

use super::{ACTIVE, NO_TOKENS_FOUND, assert_output, masked_output, transcript};
use crate::support::{
    gateway::{CommandOutput, Home, eventually, free_port},
    provider::Provider,
};

/// As in a container whose variables are those of its gateway.
#[tokio::test]
async fn a_client_command_needs_no_secrets_of_a_gateway_on_postgresql() {
    let home = Home::without_provider();
    let gateway = home.start().await;
    for arguments in [["health"].as_slice(), &["tokens", "list"]] {
        let mut command = home.command(arguments);
        command
            .env("GOCLAW_DATABASE__URL", "postgres://user@database.invalid/goclaw")
            .env("GOCLAW_TOKEN", &gateway.token);
        let done = CommandOutput::of(command);
        assert_eq!(done.code, Some(0), "{arguments:?}: {done:?}");
    }
}

#[tokio::test]
async fn the_health_command_reads_no_token() {
    let home = Home::without_provider();
    let _gateway = home.start().await;
    let file = home.data_dir().join("gateway.token");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("the mode");
    assert_output(&home.run(&["health"]), 0, "The gateway at ");
    assert_output(&home.run(&["tokens", "list"]), 1, &format!("{} may be read by others", file.display()));
}

#[test]
fn the_user_that_listens_at_an_address_is_found() {
    let own = fs::metadata("/proc/self").expect("this process").uid();
    for (listens_at, reached_at) in [
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),
        ("[::]", "127.0.0.1"),
        ("[::1]", "[::1]"),
        ("[::]", "[::1]"),
    ] {
        // A machine may have no IPv6.
        let Ok(listener) = TcpListener::bind(format!("{listens_at}:0")) else { continue };
        let port = listener.local_addr().expect("an address").port();
        let address: SocketAddr = format!("{reached_at}:{port}").parse().expect("an address");
        assert_eq!(user_listening_at(address), Some(own), "{listens_at}");
    }
}

/// While the gateway does not run, any user of the machine can listen on its port.
#[tokio::test]
async fn the_token_is_not_sent_to_a_program_of_another_user() {
    const USER: u32 = 12_345;
    let home = Home::without_provider();
    home.start().await.stop().await;
    let folder = tempfile::tempdir().expect("a folder");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("the mode");
    let (program, data) = (folder.path().join("goclaw"), folder.path().join("data"));
    fs::copy(env!("CARGO_BIN_EXE_goclaw"), &program).expect("a copy that the other user can run");
    fs::create_dir(&data).expect("a folder");
    // Only root can run a program as another user.
    if chown(&data, Some(USER), Some(USER)).is_err() {
        return;
    }
    let template = home.command(&[]);
    let variables = template.get_envs().filter_map(|(name, value)| Some((name, value?)));
    let mut other = Command::new(&program);
    other.arg("serve").env_clear().envs(variables).env("GOCLAW_DATA_DIR", &data).current_dir("/").uid(USER).gid(USER);
    let mut other = home.spawn(other, "other");
    eventually("the other user's program", || async { (home.run(&["health"]).code == Some(0)).then_some(()) }).await;
    let refused = home.run(&["auth", "status"]);
    let mut trusting = home.command(&["auth", "status"]);
    trusting.env("GOCLAW_INSECURE", "1");
    let trusting = CommandOutput::of(trusting);
    other.kill().and_then(|()| other.wait()).expect("it ends");
    assert_output(&refused, 3, "user 12345 listens on 127.0.0.1:");
    assert_eq!(trusting.code, Some(4), "the other gateway refuses the token: {trusting:?}");
}

/// A namespace with a service called `goclaw` sets these variables in every container.
#[tokio::test]
async fn variables_that_kubernetes_sets_for_a_service_are_ignored() {
    let home = Home::without_provider();
    let gateway = home.start().await;
    let mut command = home.command(&["tokens", "list"]);
    command.env("GOCLAW_SERVER__PORT", home.port.to_string()).env("GOCLAW_TOKEN", &gateway.token).envs([
        ("GOCLAW_SERVICE_HOST", "192.0.2.1"),
        ("GOCLAW_SERVICE_PORT_HTTP", "9"),
        ("GOCLAW_PORT", "tcp://192.0.2.1:9"),
        ("GOCLAW_PORT_9_TCP_ADDR", "192.0.2.1"),
    ]);
    let done = CommandOutput::of(command);
    assert_eq!(done.code, Some(0), "{done:?}");
}

#[tokio::test]
async fn the_token_file_is_used_only_for_the_local_gateway() {
    let home = Home::without_provider();
    let gateway = home.start().await;
    assert_output(&home.run(&["auth", "status"]), 1, NO_TOKENS_FOUND);
    let url = format!("http://127.0.0.1:{}", home.port);
    // With an explicit gateway URL the token file is not used, even if the URL names this machine.
    for (name, value) in [("GOCLAW_HOST", "127.0.0.1"), ("GOCLAW_GATEWAY_URL", url.as_str())] {
        let with_token = |token: &str| {
            let mut command = home.command(&["auth", "status"]);
            command.env(name, value).env("GOCLAW_TOKEN", token);
            CommandOutput::of(command)
        };
        let mut without_token = home.command(&["auth", "status"]);
        without_token.env(name, value);
        allow_duplicates!(assert_snapshot!(masked_output(&home, &CommandOutput::of(without_token)), @r"
        ! the gateway requires its token
        ! GOCLAW_TOKEN is not set. Set it to the gateway's token.
        [exit code 4]
        "));
        assert_output(&with_token(&gateway.token), 1, NO_TOKENS_FOUND);
        allow_duplicates!(assert_snapshot!(masked_output(&home, &with_token("CANARY-wrong")), @r"
        ! the token is not valid
        ! GOCLAW_TOKEN is not this gateway's token.
        [exit code 4]
        "));
    }
}

#[tokio::test]
async fn the_gateway_url_overrides_host_and_port() {
    let home = Home::without_provider();
    let gateway = home.start().await;
    let unused_port = free_port().to_string();
    let url = format!("http://127.0.0.1:{}", home.port);
    let status = |variables: &[(&str, &str)]| {
        let mut command = home.command(&["auth", "status"]);
        command.env("GOCLAW_TOKEN", &gateway.token).envs(variables.iter().copied());
        CommandOutput::of(command)
    };
    let unreachable = format!("cannot reach gateway at http://localhost:{unused_port}\n");
    assert_output(&status(&[("GOCLAW_HOST", "localhost"), ("GOCLAW_PORT", &unused_port)]), 3, &unreachable);
    let all = [("GOCLAW_GATEWAY_URL", url.as_str()), ("GOCLAW_HOST", "localhost"), ("GOCLAW_PORT", &unused_port)];
    assert_output(&status(&all), 1, NO_TOKENS_FOUND);
    let unusable = status(&[("GOCLAW_GATEWAY_URL", "http://user:CANARY@localhost")]);
    assert_snapshot!(masked_output(&home, &unusable), @r"
    ! the gateway's address is not usable: it must not contain a user name or a password
    ! It is taken from GOCLAW_GATEWAY_URL, or GOCLAW_HOST and GOCLAW_PORT.
    [exit code 2]
    ");
}

#[test]
fn the_token_is_not_sent_to_another_machine_without_encryption() {
    let home = Home::without_provider();
    // Reserved for documentation (RFC 5737): nothing answers there.
    let url = "http://192.0.2.1:9";
    let status = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = home.command(arguments);
        command.env("GOCLAW_TOKEN", "CANARY").envs(variables.iter().copied());
        CommandOutput::of(command)
    };
    for variables in [&[("GOCLAW_GATEWAY_URL", url)][..], &[("GOCLAW_HOST", "192.0.2.1"), ("GOCLAW_PORT", "9")]] {
        allow_duplicates!(assert_snapshot!(masked_output(&home, &status(&["auth", "status"], variables)), @r"
        ! http://192.0.2.1:9 is not encrypted: others on the network could read the gateway's token
        ! Use https or an SSH tunnel. If the network is yours alone: --insecure, or GOCLAW_INSECURE=1.
        [exit code 2]
        "));
    }
    // With consent the command tries to connect. A name that does not resolve fails at once.
    let nowhere = ("GOCLAW_GATEWAY_URL", "http://gateway.invalid:9");
    for (arguments, variables) in [
        (&["auth", "status", "--insecure"][..], &[nowhere][..]),
        (&["auth", "status"], &[nowhere, ("GOCLAW_INSECURE", "1")]),
    ] {
        assert_eq!(status(arguments, variables).code, Some(3), "the command tries to connect");
    }
}

#[tokio::test]
async fn commands_on_the_same_machine_use_the_configured_token() {
    let provider = Provider::approving();
    let home = Home::new(&provider).with("GOCLAW_SERVER__TOKEN", "a-token-of-the-owner-with-32-bytes");
    let mut gateway = home.start().await;
    gateway.sign_in().await;
    assert!(!home.data_dir().join("gateway.token").exists(), "a configured token is not written to a file");
    assert_output(&home.run(&["auth", "status"]), 0, ACTIVE);
    gateway.token = "another".to_owned();
    assert_eq!(gateway.get("/v1/providers").await.status, 401);
}

#[tokio::test]
async fn a_secret_is_read_from_stdin_and_the_provider_selects_its_kind() {
    let home = Home::without_provider();
    let gateway = home.start().await;
    let set = |name: &str, secret: &str| home.run_with_input(&["providers", "set-secret", "--unchecked", name], secret);
    let set_all = |secrets: &[(&str, &str)]| -> String {
        secrets.iter().map(|(name, secret)| format!("{name}: {}", masked_output(&home, &set(name, secret)))).collect()
    };
    assert_snapshot!(set_all(&[("suno", "CANARY-session\n"), ("dashscope", "sk-CANARY")]), @r"
    suno: suno is connected.
    [exit code 0]
    dashscope: dashscope is connected.
    [exit code 0]
    ");
    assert_eq!(home.count_accounts_and_refresh_tokens(), (2, 0));
    assert_snapshot!(transcript(&home, &["auth status suno"]), @r"
    $ goclaw auth status suno
    Suno: active (provider: suno)
    [exit code 0]
    ");
    let rejected = [("suno", ""), ("suno", "CAN ARY"), ("openai", "CANARY"), ("xyz", "CANARY")];
    assert_snapshot!(set_all(&rejected), @r"
    suno: ! the secret is empty
    [exit code 2]
    suno: ! the secret contains white space or characters that cannot be sent in an HTTP header
    [exit code 2]
    openai: ! openai-codex connects with a sign-in in the browser
    ! Sign in with: goclaw auth login openai-codex
    [exit code 1]
    xyz: ! unknown provider: xyz
    ! List the accounts with: goclaw providers list
    ! Or create an account: goclaw providers set-secret xyz --type TYPE
    [exit code 4]
    ");
    let status = gateway.get("/v1/auth/suno/status").await.json();
    assert_eq!(status["authenticated"], json!(true), "rejected secrets changed nothing");
}

#[tokio::test]
async fn a_secret_in_an_argument_is_rejected_without_a_request() {
    // No gateway runs, so a request would end with exit code 3.
    let home = Home::without_provider();
    for arguments in [
        &["providers", "set-secret", "suno", "CANARY"][..],
        &["providers", "set-secret", "suno", "--session-token=CANARY"],
        &["providers", "set-secret", "suno", "--secret", "CANARY"],
    ] {
        let output = home.run(arguments);
        assert_eq!(output.code, Some(2), "{arguments:?}: {}", output.stderr);
        assert!(!output.stderr.contains("CANARY") && !output.stdout.contains("CANARY"), "{}", output.stderr);
    }
}
