//! Tests of the API's own TLS listener (`server.tls_certificate_file`).

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command},
};

use reqwest::{Certificate, Client};
use serde_json::json;

use crate::support::gateway::{CommandOutput, Home, TEST_DEADLINE, eventually};

/// Writes a new self-signed certificate for localhost and 127.0.0.1, and its key.
fn write_certificate(folder: &Path) {
    write_certificate_for(folder, "DNS:localhost,IP:127.0.0.1", 30);
}

fn write_certificate_for(folder: &Path, names: &str, days: u16) {
    let arguments = format!(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days {days} -subj /CN=localhost -addext \
         basicConstraints=critical,CA:FALSE -addext subjectAltName={names} -keyout key.pem -out certificate.pem"
    );
    let output =
        Command::new("openssl").args(arguments.split_whitespace()).current_dir(folder).output().expect("openssl runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Returns a client that trusts only the certificate in a folder.
fn client(folder: &Path) -> Client {
    let certificate = Certificate::from_pem(&fs::read(folder.join("certificate.pem")).expect("a file")).expect("PEM");
    let client = Client::builder().no_proxy().tls_certs_only([certificate]).pool_max_idle_per_host(0);
    client.timeout(TEST_DEADLINE).build().expect("a client")
}

fn home() -> Home {
    // Nothing listens at this address, so `doctor` calls no real provider.
    let home = Home::without_provider().with_providers_at("http://127.0.0.1:9");
    write_certificate(home.path());
    let file = |name: &str| home.path().join(name).display().to_string();
    let (certificate, key) = (file("certificate.pem"), file("key.pem"));
    home.with("GOCLAW_SERVER__TLS_CERTIFICATE_FILE", &certificate)
        .with("GOCLAW_SERVER__TLS_KEY_FILE", &key)
        .with("GOCLAW_TLS__CA_FILE", &certificate)
}

/// A gateway with TLS. Dropping it kills the process.
struct Gateway(Child);

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn start(home: &Home) -> (Gateway, String) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let gateway = Gateway(home.spawn(home.command(&[]), "gateway"));
    let base = format!("https://127.0.0.1:{}", home.port);
    let (http, url) = (client(home.path()), format!("{base}/healthz"));
    eventually("the gateway to be healthy", || async { http.get(&url).send().await.ok() }).await;
    (gateway, base)
}

#[tokio::test]
async fn the_api_speaks_https_and_the_command_line_finds_it() {
    let home = home();
    let (_gateway, base) = start(&home).await;
    let token = fs::read_to_string(home.data_dir().join("gateway.token")).expect("a token");
    let created = client(home.path()).post(format!("{base}/v1/tokens")).bearer_auth(token.trim());
    let created = created.json(&json!({"name": "app"})).send().await.expect("a response");
    assert_eq!((created.status().as_u16(), created.version()), (200, reqwest::Version::HTTP_11));
    let listed = home.run(&["tokens", "list"]);
    assert!(listed.stdout.contains("app"), "{}{}", listed.stdout, listed.stderr);
    let link = home.run(&["open", "--no-browser"]).stdout;
    assert!(link.starts_with(&format!("{base}/#link=")), "{link}");
    let doctor = home.run(&["doctor"]);
    assert!(doctor.stdout.contains("ok       certificate: it matches its key; days left: "), "{}", doctor.stdout);
    write_certificate_for(home.path(), "DNS:localhost", 2);
    let doctor = home.run(&["doctor"]);
    assert!(doctor.stdout.contains("PROBLEM  certificate: it expires soon; days left: "), "{}", doctor.stdout);
}

/// Commands of a user or a container without the setting that names the certificate's issuer.
#[tokio::test]
async fn a_certificate_that_a_command_does_not_accept_is_reported_as_such() {
    let home = home();
    let (_gateway, _base) = start(&home).await;
    let home = home.with("GOCLAW_TLS__CA_FILE", "");
    let health = home.run(&["health"]);
    assert_eq!(health.code, Some(3), "{health:?}");
    assert!(health.stderr.contains("the certificate of the server there is not accepted"), "{}", health.stderr);
    assert!(health.stderr.contains("tls.ca_file") && !health.stderr.contains("Start it"), "{}", health.stderr);
    let doctor = home.run(&["doctor"]).stdout;
    let problem = format!("PROBLEM  API port {}: the certificate of the server there is not accepted", home.port);
    assert!(doctor.contains(&problem) && !doctor.contains("Stop that program"), "{doctor}");
}

/// The public name may lead to a proxy or to another replica, and may not resolve on this machine.
#[tokio::test]
async fn the_command_line_asks_the_listener_of_this_machine_under_its_public_name() {
    let home = home().with("GOCLAW_SERVER__PUBLIC_URL", "https://gateway.invalid/base");
    write_certificate_for(home.path(), "DNS:gateway.invalid,IP:127.0.0.1", 30);
    let (_gateway, _base) = start(&home).await;
    let health = home.run(&["health"]);
    assert_eq!(health.code, Some(0), "{}", health.stderr);
    let doctor = home.run(&["doctor"]);
    assert!(doctor.stdout.contains("a gateway responds there"), "{}", doctor.stdout);
    let link = home.run(&["open", "--no-browser"]).stdout;
    assert!(link.starts_with("https://gateway.invalid/base/#link="), "{link}");
    // In a container, the command has the variables of the gateway.
    let mut command = home.command(&["health"]);
    command.env("GOCLAW_HOST", "0.0.0.0");
    let health = CommandOutput::of(command);
    assert_eq!(health.code, Some(0), "{}", health.stderr);
}

/// On the gateway's machine, whose name may lead elsewhere, and whose certificate may be known to its settings only.
#[tokio::test]
async fn the_file_of_onboard_leads_to_a_gateway_with_tls() {
    for public_url in ["", "server.public_url = \"https://gateway.invalid\"\n"] {
        let home = Home::without_provider().with("GOCLAW_CONFIG", "goclaw.toml");
        write_certificate_for(home.path(), "DNS:gateway.invalid,IP:127.0.0.1", 30);
        let file = |name: &str| home.path().join(name).display().to_string();
        let (certificate, key) = (file("certificate.pem"), file("key.pem"));
        let settings = format!(
            "server.tls_certificate_file = \"{certificate}\"\nserver.tls_key_file = \"{key}\"\n\
             tls.ca_file = \"{certificate}\"\n{public_url}"
        );
        fs::write(home.path().join("goclaw.toml"), settings).expect("a file");
        let (_gateway, base) = start(&home).await;
        let onboarded = home.run(&["onboard"]);
        assert_eq!(onboarded.code, Some(0), "{onboarded:?}");
        let mut command = Command::new("/bin/bash");
        command.args(["-c", "source .env.local && cd / && \"$0\" tokens list", env!("CARGO_BIN_EXE_goclaw")]);
        command.env_clear().env("HOME", home.path()).current_dir(home.path());
        let listed = CommandOutput::of(command);
        assert_eq!(listed.code, Some(0), "{listed:?}");
        let mut command = home.command(&["health"]);
        command.env("GOCLAW_GATEWAY_URL", &base);
        let health = CommandOutput::of(command);
        assert_eq!(health.code, Some(0), "{health:?}");
    }
}

#[tokio::test]
async fn a_hangup_reloads_the_certificate_at_once() {
    let home = home();
    let (gateway, base) = start(&home).await;
    write_certificate(home.path());
    let is_logged = || home.printed("gateway", "stderr").contains("the new certificate in");
    assert!(!is_logged());
    let signalled = Command::new("kill").args(["-s", "HUP", &gateway.0.id().to_string()]).status().expect("kill runs");
    assert!(signalled.success());
    // No connection is opened meanwhile, so only the signal can reload the files.
    eventually("the certificate to be read", || std::future::ready(is_logged().then_some(()))).await;
    assert!(client(home.path()).get(format!("{base}/healthz")).send().await.is_ok());
}

#[tokio::test]
async fn plain_http_gets_a_400_that_names_https() {
    let home = home();
    let (_gateway, _base) = start(&home).await;
    let mut stream = TcpStream::connect(("127.0.0.1", home.port)).expect("a connection");
    stream.set_read_timeout(Some(TEST_DEADLINE)).expect("a timeout");
    stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").expect("it is sent");
    let mut text = String::new();
    // The gateway does not read the rest of the request, so the connection may be reset after the response.
    let _ = stream.read_to_string(&mut text);
    assert!(text.starts_with("HTTP/1.1 400 ") && text.ends_with("Use https:// on this port.\n"), "{text}");
}

#[tokio::test]
async fn a_renewed_certificate_is_used_and_an_invalid_one_is_not() {
    let home = home();
    let (_gateway, base) = start(&home).await;
    let (url, old) = (format!("{base}/healthz"), client(home.path()));
    fs::write(home.path().join("key.pem"), "nonsense").expect("a file");
    let reported =
        || async { home.printed("gateway", "stderr").contains("the new certificate is not used").then_some(()) };
    eventually("the invalid key to be reported", || async {
        assert!(old.get(&url).send().await.is_ok(), "the previous certificate stays in use");
        reported().await
    })
    .await;
    fs::remove_file(home.path().join("certificate.pem")).expect("the file is removed");
    eventually("the missing file to be reported with its reason", || async {
        assert!(old.get(&url).send().await.is_ok(), "the previous certificate stays in use");
        home.printed("gateway", "stderr").contains("No such file or directory").then_some(())
    })
    .await;
    write_certificate(home.path());
    let new = client(home.path());
    eventually("the new certificate", || async { new.get(&url).send().await.ok() }).await;
    assert!(old.get(&url).send().await.is_err(), "the old certificate is gone");
}

#[test]
fn a_certificate_without_its_key_prevents_the_start() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let home = home();
    let other = tempfile::tempdir().expect("a folder");
    write_certificate(other.path());
    fs::copy(other.path().join("key.pem"), home.path().join("key.pem")).expect("a copy");
    let refused = home.run(&[]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("do not match"), "{}", refused.stderr);
    let home = Home::without_provider().with("GOCLAW_SERVER__TLS_KEY_FILE", "key.pem");
    let refused = home.run(&[]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("missing setting server.tls_certificate_file"), "{}", refused.stderr);
}
