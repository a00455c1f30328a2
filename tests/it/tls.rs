//! Tests of a provider whose certificate is signed by a private authority: the error explains the rejection, and
//! `tls.ca_file` or `SSL_CERT_FILE` makes the gateway trust it.

use std::{
    io::{ErrorKind, Read, Write},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
};

use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use serde_json::json;

use crate::support::{gateway::Home, provider::Provider};

const CA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/support/tls/ca.pem");
const CERTIFICATE: &[u8] = include_bytes!("support/tls/server.pem");
const KEY: &[u8] = include_bytes!("support/tls/server.key");
const REFUSAL: &str = r#"{"error": "invalid_client"}"#;

/// Starts a token endpoint that refuses every code, and returns its URL.
fn token_endpoint() -> String {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let certificate = CertificateDer::from_pem_slice(CERTIFICATE).unwrap();
    let key = PrivateKeyDer::from_pem_slice(KEY).unwrap();
    let config = Arc::new(config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    #[expect(clippy::disallowed_methods, reason = "it ends with the test's process")]
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // Ignore the error if the gateway rejects the certificate.
            let _ = refuse(&config, stream);
        }
    });
    format!("https://localhost:{port}/oauth/token")
}

fn refuse(config: &Arc<ServerConfig>, stream: TcpStream) -> std::io::Result<()> {
    let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(config)).unwrap(), stream);
    let (mut request, mut piece) = (String::new(), [0; 4_096]);
    while !request.contains("code_verifier=") {
        let length = stream.read(&mut piece)?;
        if length == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        request.push_str(&String::from_utf8_lossy(&piece[..length]));
    }
    let length = REFUSAL.len();
    write!(stream, "HTTP/1.1 400 Bad Request\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{REFUSAL}")?;
    stream.conn.send_close_notify();
    stream.flush()
}

#[tokio::test]
async fn a_rejected_certificate_is_explained_and_its_authority_can_be_configured() {
    let provider = Provider::approving();
    let home = || Home::new(&provider).with("GOCLAW_PROVIDERS__OPENAI_CODEX__TOKEN_URL", &token_endpoint());
    for (home, code, expected) in [
        (home(), "provider_unavailable", ["the certificate of localhost was rejected", "tls.ca_file"]),
        (home().with("GOCLAW_TLS__CA_FILE", CA), "provider_error", ["HTTP 400", "invalid_client"]),
        (home().with("SSL_CERT_FILE", CA), "provider_error", ["HTTP 400", "invalid_client"]),
    ] {
        let gateway = home.start().await;
        let started = gateway.start_login().await;
        let redirect_url = provider.redirect_for(started["auth_url"].as_str().unwrap()).await;
        let failed = gateway.post("/v1/auth/openai/callback", json!({"redirect_url": redirect_url})).await.json();
        assert_eq!(failed["code"], code, "{failed}");
        let reason = gateway.status().await["last_login"]["reason"].clone();
        assert_eq!(failed["detail"], reason);
        assert!(expected.iter().all(|part| reason.as_str().unwrap().contains(part)), "{reason}");
    }
}
