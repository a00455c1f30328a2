//! Binds the callback port, by default on both loopback addresses.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use tokio::net::TcpListener;

use crate::ports::{BindError, CallbackAddress};

/// Binds all IP addresses of `address`, or none. Without IPv6 on this machine, binds `127.0.0.1` alone.
///
/// # Errors
/// [`BindError::InUse`] if another program holds the port, even on only one of the addresses: a browser may resolve
/// `localhost` to that address and send the authorization code to that program. [`BindError::Failed`] for other causes.
pub(super) async fn listeners(address: &CallbackAddress) -> Result<Vec<TcpListener>, BindError> {
    let (ips, port): (&[IpAddr], u16) = match address {
        CallbackAddress::Loopback { port } => {
            (&[IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)], *port)
        }
        CallbackAddress::Explicit { ip, port } => (&[*ip], *port),
    };
    let mut listeners = Vec::new();
    for ip in ips {
        let address = SocketAddr::new(*ip, port);
        match TcpListener::bind(address).await {
            Ok(listener) => listeners.push(listener),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                return Err(BindError::InUse { held: address.to_string() });
            }
            Err(error) if ip.is_ipv6() && !listeners.is_empty() && is_missing_family(&error) => {
                tracing::debug!(error = %error, "no IPv6 loopback; the callback listens on IPv4 only");
            }
            Err(source) => return Err(BindError::Failed { address: address.to_string(), source: Box::new(source) }),
        }
    }
    Ok(listeners)
}

fn is_missing_family(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported)
        // 97 is EAFNOSUPPORT, which Linux returns when IPv6 is disabled. It has no `ErrorKind`.
        || error.raw_os_error() == Some(97)
}
