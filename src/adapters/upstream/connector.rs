//! Opens connections: resolves names, tries all addresses, connects through proxies, and verifies TLS certificates.

use std::time::Duration;

use http_message::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::Connection;
use tokio::time::timeout;
use tower_service::Service;

use super::{Error, http1::Http1Connection, http2::SharedConnection, origin::Origin, route::Route};
use crate::{
    adapters::{
        connect_failure::connect_error,
        outbound::{Outbound, PerProxy, ProxySelector},
    },
    ports::UpstreamError,
};

/// Time limit for name lookup, TCP, TLS and the HTTP handshake together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A new connection of the HTTP version that the server chose (ALPN, RFC 7301).
pub(super) enum Opened {
    Http1(Http1Connection),
    Http2(SharedConnection),
}

#[derive(Debug)]
pub(super) struct Connector {
    /// Connectors that let the server choose the HTTP version, unless the settings exclude HTTP/2.
    any: PerProxy<HttpsConnector<Route>>,
    http1: PerProxy<HttpsConnector<Route>>,
    pub(super) proxies: ProxySelector,
    ping: Duration,
}

impl Connector {
    pub(super) fn new(outbound: &Outbound, ping: Duration) -> Result<Self, Error> {
        let connectors = |offers_http2| {
            outbound.proxies().try_map(|proxy| {
                let route = Route::through(proxy, CONNECT_TIMEOUT)?;
                let tls = HttpsConnectorBuilder::new().with_tls_config(outbound.tls()).https_or_http();
                Ok::<_, Error>(if offers_http2 {
                    tls.enable_all_versions().wrap_connector(route)
                } else {
                    tls.enable_http1().wrap_connector(route)
                })
            })
        };
        let (any, http1) = (connectors(outbound.offers_http2())?, connectors(false)?);
        Ok(Self { any, http1, proxies: outbound.proxies().clone(), ping })
    }

    /// Opens a connection. Offers HTTP/2 only if `may_share` is true.
    pub(super) async fn connect(&self, origin: &Origin, may_share: bool) -> Result<Opened, UpstreamError> {
        let connectors = if may_share { &self.any } else { &self.http1 };
        let connect = async {
            let url =
                Uri::builder().scheme(origin.scheme.clone()).authority(origin.authority.clone()).path_and_query("/");
            let stream = connectors.of(origin.proxy).clone().call(url.build()?).await?;
            Ok::<_, Error>(if stream.connected().is_negotiated_h2() {
                Opened::Http2(SharedConnection::over(stream, self.ping).await?)
            } else {
                Opened::Http1(Http1Connection::over(stream).await?)
            })
        };
        let connected = timeout(CONNECT_TIMEOUT, connect).await;
        let connected = connected.unwrap_or_else(|late| Err(late.into()));
        connected.map_err(|error| {
            let (host, proxy) = (origin.authority.as_str(), self.proxies.proxy(origin.proxy));
            UpstreamError::Unreachable(connect_error(host, proxy, error.as_ref()))
        })
    }
}
