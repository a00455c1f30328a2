//! The pool of HTTP/2 connections.

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
    http2::{Lease, SharedConnection},
    origin::Origin,
};
use crate::ports::{ConnectError, UpstreamError};

/// The most connections to one origin. Further requests use HTTP/1.1, so that callers who do not read hold 256 MiB at
/// most.
const CONNECTIONS: usize = 8;

/// The shared connections by origin. A linear search is enough for a handful of origins.
#[derive(Default)]
pub(super) struct SharedPool(Mutex<Vec<(Origin, Arc<Site>)>>);

/// What is known of one origin.
struct Site {
    connections: Mutex<Vec<Arc<SharedConnection>>>,
    /// Whether the last connection negotiated HTTP/1.1.
    speaks_http1: AtomicBool,
    /// Held while a connection is opened, so that concurrent requests share it.
    opening: tokio::sync::Mutex<Failures>,
    /// The number of failed attempts.
    failures: AtomicUsize,
}

/// The last failure to open a connection, and its number.
type Failures = Option<(usize, ConnectError)>;

impl SharedPool {
    /// Returns a place on an open connection, if there is one.
    pub(super) fn take(&self, origin: &Origin) -> Option<Lease> {
        self.site(origin).take()
    }

    /// Opens a connection. Requests that need one at the same time share it, or its failure; those to a server of
    /// HTTP/1.1 open one each.
    pub(super) async fn connect(&self, origin: &Origin, connector: &Connector) -> Result<Connection, UpstreamError> {
        let site = self.site(origin);
        let seen = site.failures.load(Ordering::Relaxed);
        if site.shares() {
            // An attempt is limited in time.
            let mut last = site.opening.lock().await;
            if let Some(lease) = site.take() {
                return Ok(Connection::Http2(lease));
            }
            match &*last {
                Some((number, error)) if *number > seen => return Err(UpstreamError::Unreachable(error.clone())),
                Some(_) | None => {}
            }
            if site.shares() {
                let opened = site.open(origin, connector).await;
                if let Err(UpstreamError::Unreachable(error)) = &opened {
                    let number = site.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1);
                    *last = Some((number, error.clone()));
                }
                return opened;
            }
        }
        site.open(origin, connector).await
    }

    /// Closes the connections that no request has used for `sweeps` sweeps.
    pub(super) fn sweep(&self, sweeps: u32) {
        for (_, site) in self.lock().iter() {
            site.lock().retain(|connection| {
                let idle = connection.count_idle_sweep();
                connection.is_open() && idle < sweeps
            });
        }
    }

    fn site(&self, origin: &Origin) -> Arc<Site> {
        let mut sites = self.lock();
        if let Some((_, site)) = sites.iter().find(|(known, _)| known == origin) {
            return Arc::clone(site);
        }
        let site = Arc::new(Site {
            connections: Mutex::default(),
            // Without TLS, no version is negotiated.
            speaks_http1: AtomicBool::new(origin.scheme == Scheme::HTTP),
            opening: tokio::sync::Mutex::default(),
            failures: AtomicUsize::default(),
        });
        sites.push((origin.clone(), Arc::clone(&site)));
        site
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Origin, Arc<Site>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Site {
    fn take(&self) -> Option<Lease> {
        let mut connections = self.lock();
        connections.retain(|connection| connection.is_open());
        connections.iter().find_map(Lease::on)
    }

    /// Whether the next connection may be a shared one.
    fn shares(&self) -> bool {
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
                let lease = Lease::on(&connection);
                self.lock().push(connection);
                lease.map(Connection::Http2).ok_or_else(|| UpstreamError::Lost("the provider allows no request".into()))
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
