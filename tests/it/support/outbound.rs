//! Servers between the gateway and a provider: HTTP and SOCKS5 proxies, and TLS in front of a plain-text server. Also
//! the clients that connect through them.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use goclaw::{
    adapters::outbound::{Outbound, OutboundOptions},
    domain::{ids::AccountName, outbound_proxy::ProxyUrl},
};
use http_body_util::BodyExt;
use http_message::{Request, Response, header};
use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

use super::gateway::http;

/// Names in the certificate of [`TlsFront`]. DNS does not resolve them.
pub(crate) const AUTH_HOST: &str = "auth.provider.example";
pub(crate) const API_HOST: &str = "api.provider.example";
pub(crate) const USER: &str = "gateway";
/// Contains the marker that the leak check searches for, so that no log may show it.
pub(crate) const PASSWORD: &str = "CANARY:of/the proxy";
/// The password in its percent-encoded form.
pub(crate) const ENCODED_PASSWORD: &str = "CANARY%3Aof%2Fthe%20proxy";

/// Returns the file of the authority that signed the certificate of [`TlsFront`].
pub(crate) fn authority() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests/it/support/tls/provider_ca.pem"].iter().collect()
}

/// Returns an account name, for calls whose result does not depend on it.
pub(crate) fn account() -> &'static AccountName {
    static NAME: OnceLock<AccountName> = OnceLock::new();
    NAME.get_or_init(|| AccountName::parse("openai-codex").expect("a name"))
}

/// Returns an [`Outbound`] that connects through `proxy` and trusts [`authority`].
pub(crate) fn outbound_through(proxy: &str) -> Outbound {
    let proxy = Some(ProxyUrl::parse(proxy).expect("a proxy"));
    Outbound::new(&OutboundOptions { proxy, ca_file: Some(authority()), ..OutboundOptions::default() }).expect("a file")
}

/// Returns an [`Outbound`] that connects directly and trusts [`authority`].
pub(crate) fn outbound_to_front(offers_http2: bool) -> Outbound {
    let options = OutboundOptions { ca_file: Some(authority()), offers_http2, ..OutboundOptions::default() };
    Outbound::new(&options).expect("a file")
}

/// Returns an [`Outbound`] that connects directly and trusts the system's authorities.
pub(crate) fn outbound() -> Outbound {
    Outbound::new(&OutboundOptions::default()).expect("the system's authorities")
}

/// A TLS server that forwards all bytes to a plain-text server.
pub(crate) struct TlsFront {
    pub(crate) address: SocketAddr,
    _serving: JoinSet<()>,
}

impl TlsFront {
    /// Starts a front for `target` that offers `protocols` by ALPN.
    pub(crate) async fn start(target: SocketAddr, protocols: &[&str]) -> Self {
        let acceptor = acceptor(protocols);
        let (address, serving) = serve(move |stream| {
            let acceptor = acceptor.clone();
            async move {
                let mut inner = acceptor.accept(stream).await?;
                let mut outer = TcpStream::connect(target).await?;
                copy_bidirectional(&mut inner, &mut outer).await.map(drop)
            }
        })
        .await;
        Self { address, _serving: serving }
    }

    /// Starts a front that speaks only HTTP/2, for an HTTP/1.1 server.
    pub(crate) async fn http2(target: SocketAddr) -> Self {
        let acceptor = acceptor(&["h2"]);
        let (address, serving) = serve(move |stream| {
            let acceptor = acceptor.clone();
            async move {
                let stream = TokioIo::new(acceptor.accept(stream).await?);
                let service = service_fn(move |request| forward(request, target));
                let http = http2::Builder::new(TokioExecutor::new());
                http.serve_connection(stream, service).await.map_err(std::io::Error::other)
            }
        })
        .await;
        Self { address, _serving: serving }
    }
}

async fn forward(request: Request<Incoming>, target: SocketAddr) -> reqwest::Result<Response<reqwest::Body>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.expect("a request's body").to_bytes();
    let url = format!("http://{target}{}", head.uri.path_and_query().expect("a path"));
    let response = http().request(head.method, url).headers(head.headers).body(body).send().await?;
    let mut forwarded = Response::new(());
    *forwarded.status_mut() = response.status();
    *forwarded.headers_mut() = response.headers().clone();
    // HTTP/2 forbids these headers.
    for name in [header::CONNECTION, header::TRANSFER_ENCODING] {
        forwarded.headers_mut().remove(name);
    }
    Ok(forwarded.map(|()| response.into()))
}

/// Returns a TLS acceptor with a certificate of [`authority`] that offers `protocols` by ALPN.
pub(crate) fn acceptor(protocols: &[&str]) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("TLS");
    let certificate = CertificateDer::from_pem_slice(include_bytes!("tls/provider.pem")).expect("a certificate");
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("tls/provider.key")).expect("a key");
    let mut config =
        config.with_no_client_auth().with_single_cert(vec![certificate], key).expect("the key matches the certificate");
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    TlsAcceptor::from(Arc::new(config))
}

/// How a proxy treats a request with [`USER`] and [`PASSWORD`]. It refuses all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProxyBehaviour {
    /// Connects to the configured hosts.
    Connects,
    /// Refuses every host.
    Refuses,
    /// Never responds.
    Hangs,
    /// Reports success and closes the connection.
    Closes,
}

/// An HTTP (RFC 9110) or SOCKS5 proxy (RFC 1928 and 1929) that requires credentials and records each request.
pub(crate) struct ProxyDouble {
    pub(crate) address: SocketAddr,
    /// One entry per request: the requested host and port, `(unauthorized)` for wrong credentials, or `(invalid)`.
    asked: RequestedHosts,
    _serving: JoinSet<()>,
}

impl ProxyDouble {
    /// Starts an HTTP proxy if `scheme` is `http`, otherwise SOCKS5. It connects only to `hosts`.
    pub(crate) async fn start(scheme: &str, behaviour: ProxyBehaviour, hosts: &[(&str, SocketAddr)]) -> Self {
        let hosts: Hosts = hosts.iter().map(|(host, address)| ((*host).to_owned(), *address)).collect();
        if scheme == "http" {
            Self::serving(move |stream, asked| tunnel(stream, behaviour, Arc::clone(&hosts), asked)).await
        } else {
            Self::serving(move |stream, asked| socks(stream, behaviour, Arc::clone(&hosts), asked)).await
        }
    }

    async fn serving<F>(handle: impl Fn(TcpStream, RequestedHosts) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = std::io::Result<()>> + Send + 'static,
    {
        let asked = RequestedHosts::default();
        let noted = Arc::clone(&asked);
        let (address, serving) = serve(move |stream| handle(stream, Arc::clone(&noted))).await;
        Self { address, asked, _serving: serving }
    }

    /// Returns the proxy's URL with its credentials.
    pub(crate) fn url(&self, scheme: &str) -> String {
        format!("{scheme}://{USER}:{ENCODED_PASSWORD}@{}", self.address)
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

type RequestedHosts = Arc<Mutex<Vec<String>>>;
type Hosts = Arc<[(String, SocketAddr)]>;

/// Connects to the server that is configured for a host.
async fn connect(hosts: &Hosts, host: &str) -> std::io::Result<TcpStream> {
    let known = hosts.iter().find(|(name, _)| name == host);
    let (_, address) = known.ok_or_else(|| std::io::Error::other(format!("{host} is not known")))?;
    TcpStream::connect(address).await
}

fn note(asked: &RequestedHosts, what: impl Into<String>) {
    asked.lock().unwrap_or_else(PoisonError::into_inner).push(what.into());
}

/// Accepts connections until the returned tasks are dropped.
pub(crate) async fn serve<F>(handle: impl Fn(TcpStream) -> F + Send + Sync + 'static) -> (SocketAddr, JoinSet<()>)
where
    F: Future<Output = std::io::Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            let handler = handle(stream);
            // Ignore errors, because the gateway sees a broken connection.
            connections.spawn(async move { drop(handler.await) });
        }
    });
    (address, serving)
}

async fn tunnel(
    mut stream: TcpStream,
    behaviour: ProxyBehaviour,
    hosts: Hosts,
    asked: RequestedHosts,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut lines = head.lines();
    let words: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
    let fields = lines.filter_map(|line| line.split_once(": "));
    let header =
        |name: &str| fields.clone().find_map(|(field, value)| field.eq_ignore_ascii_case(name).then_some(value));
    let ["CONNECT", target, "HTTP/1.1"] = words[..] else {
        note(&asked, "(invalid)");
        return stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    };
    if header("Host") != Some(target) {
        note(&asked, "(invalid)");
        return stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    }
    let expected = format!("Basic {}", STANDARD.encode(format!("{USER}:{PASSWORD}")));
    if header("Proxy-Authorization") != Some(&expected) {
        note(&asked, "(unauthorized)");
        let refusal = "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"test\"\r\n\r\n";
        return stream.write_all(refusal.as_bytes()).await;
    }
    note(&asked, target);
    match behaviour {
        ProxyBehaviour::Refuses => stream.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n").await,
        ProxyBehaviour::Hangs => std::future::pending().await,
        ProxyBehaviour::Closes => stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await,
        ProxyBehaviour::Connects => {
            let mut server = connect(&hosts, target.trim_end_matches(":443")).await?;
            stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
            copy_bidirectional(&mut stream, &mut server).await.map(drop)
        }
    }
}

async fn socks(
    mut stream: TcpStream,
    behaviour: ProxyBehaviour,
    hosts: Hosts,
    asked: RequestedHosts,
) -> std::io::Result<()> {
    const VERSION: u8 = 5;
    const WITH_PASSWORD: u8 = 2;
    const NO_ACCEPTABLE_METHOD: u8 = 0xff;
    const PASSWORD_VERSION: u8 = 1;
    const CONNECT: u8 = 1;
    const IPV4: u8 = 1;
    const HOST_NAME: u8 = 3;
    const SUCCEEDED: u8 = 0;
    const FAILED: u8 = 1;
    const NOT_ALLOWED: u8 = 2;
    let (version, count) = (stream.read_u8().await?, stream.read_u8().await?);
    let mut methods = vec![0; count.into()];
    stream.read_exact(&mut methods).await?;
    if version != VERSION || !methods.contains(&WITH_PASSWORD) {
        note(&asked, "(unauthorized)");
        return stream.write_all(&[VERSION, NO_ACCEPTABLE_METHOD]).await;
    }
    stream.write_all(&[VERSION, WITH_PASSWORD]).await?;
    let _version = stream.read_u8().await?;
    let (user, password) = (read_text(&mut stream).await?, read_text(&mut stream).await?);
    if (user.as_str(), password.as_str()) != (USER, PASSWORD) {
        note(&asked, "(unauthorized)");
        return stream.write_all(&[PASSWORD_VERSION, FAILED]).await;
    }
    stream.write_all(&[PASSWORD_VERSION, SUCCEEDED]).await?;
    let mut request = [0; 4];
    stream.read_exact(&mut request).await?;
    let host = match request {
        [VERSION, CONNECT, 0, HOST_NAME] => read_text(&mut stream).await?,
        [VERSION, CONNECT, 0, IPV4] => std::net::Ipv4Addr::from(stream.read_u32().await?).to_string(),
        _ => "(invalid)".to_owned(),
    };
    let port = stream.read_u16().await?;
    note(&asked, format!("{host}:{port}"));
    // The address 0.0.0.0 and the port 0, which clients ignore.
    let answer = |reply: u8| [VERSION, reply, 0, IPV4, 0, 0, 0, 0, 0, 0];
    match behaviour {
        ProxyBehaviour::Refuses => stream.write_all(&answer(NOT_ALLOWED)).await,
        ProxyBehaviour::Hangs => std::future::pending().await,
        ProxyBehaviour::Closes => stream.write_all(&answer(SUCCEEDED)).await,
        ProxyBehaviour::Connects => {
            let mut server = connect(&hosts, &host).await?;
            stream.write_all(&answer(SUCCEEDED)).await?;
            copy_bidirectional(&mut stream, &mut server).await.map(drop)
        }
    }
}

/// Reads a SOCKS5 string: one byte with its length, then the text.
async fn read_text(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut bytes = vec![0; stream.read_u8().await?.into()];
    stream.read_exact(&mut bytes).await?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
