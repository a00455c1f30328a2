//! A provider with TLS, and its direct client: both speak HTTP/2 and HTTP/1.1.

use std::{convert::Infallible, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, Empty, Full, StreamBody, combinators::BoxBody};
use hyper::{
    Request, Response,
    body::{Frame, Incoming},
    client, server,
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::{Outcome, Version};

/// Events of a burst.
const EVENTS: usize = 50;
const EVENT: &[u8] =
    b"event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"word \"}\n\n";
/// The file with the certificate of the authority that signed `CERTIFICATE`.
pub(crate) const CA_FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/support/tls/provider_ca.pem");
const CERTIFICATE: &[u8] = include_bytes!("../../tests/it/support/tls/provider.pem");
const KEY: &[u8] = include_bytes!("../../tests/it/support/tls/provider.key");
/// The paths of a small response, of a burst of events, and of a large body.
pub(crate) const SMALL: &str = "/compatible-mode/v1/small";
pub(crate) const BURST: &str = "/compatible-mode/v1/burst";
pub(crate) const LARGE: &str = "/compatible-mode/v1/large";
pub(crate) const LARGE_BYTES: usize = 4 * 1024 * 1024;

type Body = BoxBody<Bytes, Infallible>;

/// Starts the provider, which serves until the process ends.
pub(crate) async fn start() -> Outcome<SocketAddr> {
    let key = PrivateKeyDer::from_pem_slice(KEY)?;
    let config = ServerConfig::builder().with_no_client_auth();
    let mut config = config.with_single_cert(vec![CertificateDer::from_pem_slice(CERTIFICATE)?], key)?;
    config.alpn_protocols = [Version::Http2, Version::Http1].map(|version| version.alpn().to_vec()).to_vec();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let large = Bytes::from(vec![b'x'; LARGE_BYTES]);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(acceptor.clone(), stream, large.clone()));
        }
    });
    Ok(address)
}

async fn serve(acceptor: TlsAcceptor, stream: TcpStream, large: Bytes) -> Outcome {
    stream.set_nodelay(true)?;
    let stream = acceptor.accept(stream).await?;
    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(Version::Http2.alpn());
    let service = service_fn(move |request| respond(request, large.clone()));
    let stream = TokioIo::new(stream);
    if is_http2 {
        server::conn::http2::Builder::new(TokioExecutor::new()).serve_connection(stream, service).await?;
    } else {
        server::conn::http1::Builder::new().serve_connection(stream, service).await?;
    }
    Ok(())
}

async fn respond(request: Request<Incoming>, large: Bytes) -> Result<Response<Body>, Infallible> {
    let path = request.uri().path();
    let body = if path.ends_with(BURST) {
        let events = (0..EVENTS).map(|_| Ok(Frame::data(Bytes::from_static(EVENT))));
        StreamBody::new(stream::iter(events)).boxed()
    } else if path.ends_with(LARGE) {
        Full::new(large).boxed()
    } else {
        Full::new(Bytes::from(vec![b' '; 1_000])).boxed()
    };
    // Declare the burst of events as JSON too. The gateway forwards an event stream in the same way, and only adds
    // comments after 15 s without data.
    Ok(Response::builder().header("content-type", "application/json").body(body).unwrap_or_default())
}

/// A client with one connection to the provider, without a gateway in between.
pub(crate) enum Direct {
    Http1(client::conn::http1::SendRequest<Empty<Bytes>>),
    Http2(client::conn::http2::SendRequest<Empty<Bytes>>),
}

impl Direct {
    pub(crate) async fn connect(port: u16, version: Version) -> Outcome<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(CA_FILE)?)?;
        let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![version.alpn().to_vec()];
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let stream = TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost")?, stream).await?;
        let stream = TokioIo::new(stream);
        Ok(match version {
            Version::Http1 => {
                let (requests, driver) = client::conn::http1::handshake(stream).await?;
                tokio::spawn(driver);
                Self::Http1(requests)
            }
            Version::Http2 => {
                let mut http = client::conn::http2::Builder::new(TokioExecutor::new());
                // Larger than any body here, so that flow control does not slow the direct client.
                let window = 1 << 30;
                http.initial_stream_window_size(window).initial_connection_window_size(window);
                let (requests, driver) = http.handshake(stream).await?;
                tokio::spawn(driver);
                Self::Http2(requests)
            }
        })
    }

    /// Sends a GET, reads the response to its end, and returns the size of its body.
    pub(crate) async fn get(&mut self, path: &str) -> Outcome<usize> {
        let response = match self {
            Self::Http1(requests) => {
                requests.ready().await?;
                requests.send_request(Request::get(path).header("host", "localhost").body(Empty::new())?).await?
            }
            Self::Http2(requests) => {
                let url = format!("https://localhost{path}");
                requests.send_request(Request::get(url).body(Empty::new())?).await?
            }
        };
        Ok(response.into_body().collect().await?.to_bytes().len())
    }
}
