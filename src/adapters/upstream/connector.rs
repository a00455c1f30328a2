//! Opens connections: resolves names, tries all addresses, and verifies TLS with the system's roots.

use std::time::Duration;

use http_message::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::{client::legacy::connect::HttpConnector, rt::TokioIo};
use rustls::ClientConfig;
use rustls_platform_verifier::ConfigVerifierExt;
use tokio::{net::TcpStream, time::timeout};
use tower_service::Service;

use super::{connection::Connection, idle_pool::Origin};
use crate::{adapters::connect_failure::connect_error, ports::UpstreamError};

/// For name lookup, TCP, TLS and the HTTP handshake together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

#[derive(Debug)]
pub(super) struct Connector(HttpsConnector<HttpConnector>);

impl Connector {
    pub(super) fn new() -> Result<Self, rustls::Error> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        // Each write is a whole request or all that is available of it, so waiting for more gains nothing.
        tcp.set_nodelay(true);
        // hyper divides this time among the addresses of a host.
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let tls = HttpsConnectorBuilder::new().with_tls_config(ClientConfig::with_platform_verifier()?);
        Ok(Self(tls.https_or_http().enable_http1().wrap_connector(tcp)))
    }

    pub(super) async fn connect(&self, origin: &Origin) -> Result<Connection, UpstreamError> {
        let connect = async {
            let url =
                Uri::builder().scheme(origin.scheme.clone()).authority(origin.authority.clone()).path_and_query("/");
            let stream = self.0.clone().call(url.build()?).await?;
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(Connection::over(stream).await?)
        };
        let connected = timeout(CONNECT_TIMEOUT, connect).await;
        let connected = connected.unwrap_or_else(|late| Err(late.into()));
        connected.map_err(|error| UpstreamError::Unreachable(connect_error(origin.authority.as_str(), error.as_ref())))
    }
}
