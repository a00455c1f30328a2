//! Opens the TCP connection below TLS, directly or through a proxy.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http_message::{Uri, uri::Scheme};
use hyper_rustls::MaybeHttpsStream;
use hyper_util::{
    client::legacy::connect::{
        HttpConnector,
        proxy::{SocksV5, Tunnel},
    },
    rt::TokioIo,
};
use secrecy::ExposeSecret;
use tokio::net::{TcpStream, lookup_host};
use tower_service::Service;

use crate::{
    adapters::outbound::proxy_authorization,
    domain::outbound_proxy::{ProxyCredentials, ProxyKind, ProxyUrl},
};

/// A connection to a provider, with TLS or without.
pub(super) type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// A connector of hyper, without a proxy or through one.
#[derive(Debug, Clone)]
pub(super) enum Route {
    Direct(HttpConnector),
    Tunnel(Tunnel<HttpConnector>),
    Socks {
        socks: SocksV5<HttpConnector>,
        /// Whether this machine resolves names instead of the proxy.
        resolves: bool,
    },
}

impl Route {
    /// Returns a connector through `proxy`, or a direct one if it is None. `timeout` is for the TCP connection.
    pub(super) fn through(proxy: Option<&ProxyUrl>, timeout: Duration) -> Result<Self, Error> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        // Each write has all available bytes of a request, so Nagle's algorithm would only delay it.
        tcp.set_nodelay(true);
        // hyper divides this time among the addresses of a host.
        tcp.set_connect_timeout(Some(timeout));
        let Some(proxy) = proxy else { return Ok(Self::Direct(tcp)) };
        let address = Uri::try_from(format!("http://{}:{}", proxy.host, proxy.port))?;
        Ok(match proxy.kind {
            ProxyKind::Http => {
                let tunnel = Tunnel::new(address, tcp);
                Self::Tunnel(match &proxy.credentials {
                    None => tunnel,
                    Some(credentials) => tunnel.with_auth(proxy_authorization(credentials)),
                })
            }
            ProxyKind::Socks5 | ProxyKind::Socks5h => {
                let socks = SocksV5::new(address, tcp);
                let socks = match &proxy.credentials {
                    None => socks,
                    Some(ProxyCredentials { user, password }) => {
                        socks.with_auth(user.expose_secret().to_owned(), password.expose_secret().to_owned())
                    }
                };
                Self::Socks { socks, resolves: proxy.kind == ProxyKind::Socks5 }
            }
        })
    }
}

impl Service<Uri> for Route {
    type Response = TokioIo<TcpStream>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Error>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        // hyper-util's connectors are always ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        match self.clone() {
            Self::Direct(mut tcp) => Box::pin(async move { Ok(tcp.call(target).await?) }),
            Self::Tunnel(mut tunnel) => Box::pin(async move { Ok(tunnel.call(target).await?) }),
            Self::Socks { mut socks, resolves } => Box::pin(async move {
                let target = with_port(&target, resolves).await?;
                Ok(socks.call(target).await?)
            }),
        }
    }
}

/// Adds the port, which SOCKS needs. If `resolves` is true, replaces the host name by its IP address.
async fn with_port(target: &Uri, resolves: bool) -> Result<Uri, Error> {
    let host = target.host().unwrap_or_default();
    let port = target.port_u16().unwrap_or(if target.scheme() == Some(&Scheme::HTTP) { 80 } else { 443 });
    let authority = if resolves {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let mut found = lookup_host((bare, port)).await?;
        found.next().ok_or("failed to lookup address information")?.to_string()
    } else {
        format!("{host}:{port}")
    };
    // SOCKS uses only the host and the port.
    Ok(Uri::builder().scheme("https").authority(authority).path_and_query("/").build()?)
}
