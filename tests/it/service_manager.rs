//! Tests of a gateway process under systemd: its messages on `NOTIFY_SOCKET`, and credentials from
//! `CREDENTIALS_DIRECTORY`.

use std::{
    fs,
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixDatagram},
    },
};

use crate::support::{
    command_output::{CommandOutput, KilledOnDrop},
    gateway::{Home, TEST_DEADLINE, eventually, http},
};

fn next_message(socket: &UnixDatagram) -> String {
    let mut bytes = [0; 1024];
    let length = socket.recv(&mut bytes).expect("a message");
    String::from_utf8_lossy(&bytes[..length]).into_owned()
}

fn with_deadline(socket: UnixDatagram) -> UnixDatagram {
    socket.set_read_timeout(Some(TEST_DEADLINE)).expect("a deadline");
    socket
}

/// Starts and stops a gateway with `NOTIFY_SOCKET` set to `address`, and checks its messages.
async fn assert_notified(socket: UnixDatagram, address: &str) {
    let socket = with_deadline(socket);
    let home = Home::without_provider().with("NOTIFY_SOCKET", address);
    let child = home.spawn(home.command(&[]), "gateway");
    assert_eq!(next_message(&socket), format!("READY=1\nSTATUS=Listening on 127.0.0.1:{}", home.port));
    // The gateway sends the message after it has bound the port, so the first request succeeds.
    let health = http().get(format!("http://127.0.0.1:{}/healthz", home.port)).send().await.expect("a response");
    assert_eq!(health.status(), 200);
    let mut gateway = home.wait_until_healthy(child).await;
    gateway.terminate();
    assert_eq!(next_message(&socket), "STOPPING=1\nSTATUS=Waiting for running requests");
    assert!(gateway.ended().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_manager_is_notified_of_readiness_and_of_the_stop() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("notify");
    assert_notified(UnixDatagram::bind(&path).expect("a socket"), &path.display().to_string()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abstract_notify_socket_works() {
    let name = format!("goclaw-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).expect("a name");
    assert_notified(UnixDatagram::bind_addr(&address).expect("a socket"), &format!("@{name}")).await;
}

#[test]
fn a_gateway_that_fails_to_start_does_not_report_readiness() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    let home = Home::without_provider().with("NOTIFY_SOCKET", &path.display().to_string());
    fs::create_dir(home.data_dir()).expect("a folder");
    fs::write(home.data_dir().join("encryption.key"), "no key").expect("a file");
    assert_eq!(home.run(&["serve"]).code, Some(1));
    socket.set_nonblocking(true).expect("it does not block");
    assert!(socket.recv(&mut [0; 16]).is_err(), "nothing was sent");
}

#[tokio::test]
async fn a_missing_notify_socket_only_logs_a_warning() {
    let home = Home::without_provider().with("NOTIFY_SOCKET", "/nonexistent/notify");
    let gateway = home.start().await;
    assert!(gateway.log().contains("NOTIFY_SOCKET"), "{}", gateway.log());
    gateway.stop().await;
}

#[tokio::test]
async fn systemd_credentials_are_used_unless_settings_override_them() {
    const TOKEN: &str = "a-token-from-a-credential-of-systemd";
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("goclaw.token"), TOKEN).expect("a file");
    fs::write(folder.path().join("goclaw.key"), "2a".repeat(32)).expect("a file");
    let home = Home::without_provider()
        .with("CREDENTIALS_DIRECTORY", &folder.path().display().to_string())
        .with("GOCLAW_SERVER__TOKEN", "another-token-with-32-characters-or-more");
    let gateway = home.start().await;
    assert_eq!(
        gateway.get("/v1/providers").await.status,
        200,
        "the configured token takes precedence over the credential"
    );
    assert!(!home.data_dir().join("encryption.key").exists(), "the credential's key is used");
    gateway.stop().await;
    let home = Home::without_provider().with("CREDENTIALS_DIRECTORY", &folder.path().display().to_string());
    let _child = KilledOnDrop(home.spawn(home.command(&[]), "gateway"));
    let list_accounts = || async {
        let call = http().get(format!("http://127.0.0.1:{}/v1/providers", home.port)).bearer_auth(TOKEN);
        call.send().await.ok().filter(|response| response.status() == 200)
    };
    eventually("the token of the credential to be accepted", list_accounts).await;
    assert!(!home.data_dir().join("gateway.token").exists(), "the credential's token is used");
    // Only the service has the credentials, so a command must not take the key for the gateway's own one.
    let mut command = home.command(&["keys", "rotate"]);
    command.env_remove("CREDENTIALS_DIRECTORY").env("GOCLAW_SERVER__TOKEN", TOKEN);
    fs::write(home.data_dir().join("encryption.key"), "2a".repeat(32)).expect("a file");
    let refused = CommandOutput::of(command);
    assert!(refused.stdout.contains("The keys are configured"), "{refused:?}");
}
