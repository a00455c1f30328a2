//! The pool of HTTP/2 connections, each shared by concurrent requests to one origin.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use http_message::uri::Scheme;

use super::{
    connection::Connection,
    connector::{Connector, Opened},
    http2::{SharedConnection, StreamSlot},
    origin::Origin,
};
use crate::ports::{ConnectError, UpstreamError};

/// Maximum number of pooled HTTP/2 connections to one origin; further requests use HTTP/1.1. Limits the data that is
/// buffered for slow callers to 256 MiB: 8 connections x 8 streams x 4 MiB.
const CONNECTIONS: usize = 8;

/// The shared connections by origin. A linear search is enough for a handful of origins.
#[derive(Default)]
pub(super) struct SharedPool(Mutex<Vec<(Origin, Arc<OriginPool>)>>);

/// The connections to one origin.
struct OriginPool {
    connections: Mutex<Vec<Arc<SharedConnection>>>,
    /// Whether the last connection negotiated HTTP/1.1.
    speaks_http1: AtomicBool,
    /// Held while a connection is opened, so that concurrent requests share it or its failure.
    opening: tokio::sync::Mutex<LastFailure>,
    /// The number of failed attempts.
    failures: AtomicUsize,
}

/// The last failed attempt to open a connection, and its number.
type LastFailure = Option<(usize, ConnectError)>;

impl SharedPool {
    /// Returns a stream slot of an open connection, if one is free.
    pub(super) fn take(&self, origin: &Origin) -> Option<StreamSlot> {
        self.pool_of(origin).take()
    }

    /// Opens a connection. Concurrent requests share an HTTP/2 connection, or the failure to open one. For a server of
    /// HTTP/1.1, each request opens its own.
    pub(super) async fn connect(&self, origin: &Origin, connector: &Connector) -> Result<Connection, UpstreamError> {
        let pool = self.pool_of(origin);
        let seen = pool.failures.load(Ordering::Relaxed);
        if pool.may_share() {
            // The wait is limited, because each attempt has a timeout.
            let mut last = pool.opening.lock().await;
            if let Some(slot) = pool.take() {
                return Ok(Connection::Http2(slot));
            }
            match &*last {
                Some((number, error)) if *number > seen => return Err(UpstreamError::Unreachable(error.clone())),
                Some(_) | None => {}
            }
            if pool.may_share() {
                let opened = pool.open(origin, connector).await;
                if let Err(UpstreamError::Unreachable(error)) = &opened {
                    let number = pool.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1);
                    *last = Some((number, error.clone()));
                }
                return opened;
            }
        }
        pool.open(origin, connector).await
    }

    /// Closes the connections that no request has used for `sweeps` sweeps.
    pub(super) fn sweep(&self, sweeps: u32) {
        for (_, pool) in self.lock().iter() {
            pool.lock().retain(|connection| {
                let idle = connection.count_idle_sweep();
                connection.is_open() && idle < sweeps
            });
        }
    }

    fn pool_of(&self, origin: &Origin) -> Arc<OriginPool> {
        let mut pools = self.lock();
        if let Some((_, pool)) = pools.iter().find(|(known, _)| known == origin) {
            return Arc::clone(pool);
        }
        let pool = Arc::new(OriginPool {
            connections: Mutex::default(),
            // Without TLS, HTTP/2 cannot be negotiated.
            speaks_http1: AtomicBool::new(origin.scheme == Scheme::HTTP),
            opening: tokio::sync::Mutex::default(),
            failures: AtomicUsize::default(),
        });
        pools.push((origin.clone(), Arc::clone(&pool)));
        pool
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Origin, Arc<OriginPool>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OriginPool {
    fn take(&self) -> Option<StreamSlot> {
        let mut connections = self.lock();
        connections.retain(|connection| connection.is_open());
        connections.iter().find_map(StreamSlot::on)
    }

    /// Returns whether the next connection may be shared.
    fn may_share(&self) -> bool {
        !self.speaks_http1.load(Ordering::Relaxed) && self.lock().len() < CONNECTIONS
    }

    async fn open(&self, origin: &Origin, connector: &Connector) -> Result<Connection, UpstreamError> {
        let has_room = self.lock().len() < CONNECTIONS;
        let opened = connector.connect(origin, has_room).await?;
        if has_room {
            self.speaks_http1.store(matches!(opened, Opened::Http1(_)), Ordering::Relaxed);
        }
        match opened {
            Opened::Http1(connection) => Ok(Connection::Http1(connection)),
            Opened::Http2(connection) => {
                let connection = Arc::new(connection);
                let slot = StreamSlot::on(&connection);
                let mut connections = self.lock();
                // Others may have been opened meanwhile. Without room, only this request uses the connection.
                if connections.len() < CONNECTIONS {
                    connections.push(connection);
                }
                slot.map(Connection::Http2).ok_or_else(|| {
                    UpstreamError::Lost("the provider allows no streams on a new HTTP/2 connection".into())
                })
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<SharedConnection>>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for SharedPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedPool").finish_non_exhaustive()
    }
}
