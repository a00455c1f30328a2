//! A network relay between a gateway and its database. A test can cut it, with or without closing connections, even in
//! the middle of a commit, and restore it.

use std::{
    future::pending,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
    task::JoinSet,
};

use crate::support::gateway::{TEST_DEADLINE, eventually, free_port};

const BACKLOG: u32 = 128;
const BUFFER: usize = 16 * 1024;
/// How the gateway's transactions end on the wire: with a simple query in plain text.
const COMMIT: &[u8] = b"COMMIT";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Traffic {
    Flows,
    /// Connections are closed and new ones refused.
    Refused,
    /// Bytes are dropped silently. These connections never recover.
    Swallowed,
}

/// A fault at the next COMMIT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CommitFault {
    /// The COMMIT arrives, and the connection closes before the response.
    ResponseLost,
    /// The COMMIT arrives, and the response is dropped silently.
    ResponseSwallowed,
}

impl CommitFault {
    fn traffic(self) -> Traffic {
        match self {
            Self::ResponseLost => Traffic::Refused,
            Self::ResponseSwallowed => Traffic::Swallowed,
        }
    }
}

/// A running relay. Dropping it stops it.
pub(super) struct Link {
    address: SocketAddr,
    control: Control,
    /// The state that the relay has reached.
    actual: watch::Receiver<Traffic>,
    _relay: JoinSet<()>,
}

/// The requested state of a relay.
#[derive(Clone)]
struct Control {
    wanted: watch::Sender<Traffic>,
    /// The fault at the next COMMIT, if any.
    fault: Arc<Mutex<Option<CommitFault>>>,
}

impl Control {
    fn take_fault(&self) -> Option<CommitFault> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Link {
    /// Creates a link to the database at `url`.
    pub(super) async fn to(url: &str) -> Self {
        let server = url::Url::parse(url).expect("a URL").socket_addrs(|| Some(5432)).expect("an address")[0];
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let control = Control { wanted: watch::Sender::new(Traffic::Flows), fault: Arc::default() };
        let (reached, actual) = watch::channel(Traffic::Refused);
        let mut relay = JoinSet::new();
        relay.spawn(run(address, server, control.clone(), reached));
        let link = Self { address, control, actual, _relay: relay };
        link.wait_until(Traffic::Flows).await;
        link
    }

    /// Returns the database URL through this link.
    pub(super) fn through(&self, url: &str) -> String {
        let mut url = url::Url::parse(url).expect("a URL");
        url.set_ip_host(self.address.ip()).and_then(|()| url.set_port(Some(self.address.port()))).expect("an address");
        url.to_string()
    }

    /// Closes open connections and refuses new ones.
    pub(super) async fn cut(&self) {
        self.set(Traffic::Refused).await;
    }

    /// Drops all bytes from now on, like a firewall or a machine without power.
    pub(super) async fn swallow(&self) {
        self.set(Traffic::Swallowed).await;
    }

    /// Accepts new connections again. Silenced connections stay silent.
    pub(super) async fn restore(&self) {
        self.set(Traffic::Flows).await;
    }

    /// Injects a fault at the next COMMIT.
    pub(super) fn inject_at_commit(&self, fault: CommitFault) {
        self.control.fault.lock().unwrap_or_else(PoisonError::into_inner).replace(fault);
    }

    /// Waits until the fault has happened.
    pub(super) async fn wait_for(&self, fault: CommitFault) {
        self.wait_until(fault.traffic()).await;
    }

    async fn set(&self, traffic: Traffic) {
        self.control.wanted.send_replace(traffic);
        self.wait_until(traffic).await;
    }

    async fn wait_until(&self, traffic: Traffic) {
        let mut actual = self.actual.clone();
        let reached = tokio::time::timeout(TEST_DEADLINE, actual.wait_for(|actual| *actual == traffic)).await;
        assert!(reached.is_ok_and(|reached| reached.is_ok()), "the link did not become {traffic:?}");
    }
}

/// Runs the relay. Opens and closes its port as requested, and reports the actual state.
async fn run(address: SocketAddr, server: SocketAddr, control: Control, actual: watch::Sender<Traffic>) {
    let mut wanted = control.wanted.subscribe();
    // Silenced connections. They stay open, so that neither side notices.
    let mut swallowed: Vec<TcpStream> = Vec::new();
    loop {
        let traffic = *wanted.borrow_and_update();
        if traffic == Traffic::Refused {
            swallowed.clear();
            actual.send_replace(traffic);
            if wanted.changed().await.is_err() {
                return;
            }
            continue;
        }
        let listener = listen(address).await;
        actual.send_replace(traffic);
        if traffic == Traffic::Swallowed {
            loop {
                tokio::select! {
                    accepted = listener.accept() => swallowed.extend(accepted.map(|(client, _)| client)),
                    changed = wanted.changed() => match changed { Ok(()) => break, Err(_) => return },
                }
            }
            continue;
        }
        let Ok(()) = relay(&listener, server, &control, &mut wanted, &mut swallowed).await else { return };
    }
}

/// Relays bytes until the requested state changes. Then silences or closes the open connections.
async fn relay(
    listener: &TcpListener,
    server: SocketAddr,
    control: &Control,
    wanted: &mut watch::Receiver<Traffic>,
    swallowed: &mut Vec<TcpStream>,
) -> Result<(), watch::error::RecvError> {
    let (stop, _) = watch::channel(());
    let mut connections = JoinSet::new();
    let changed = loop {
        tokio::select! {
            Ok((mut client, _)) = listener.accept() => {
                let (mut stopped, control) = (stop.subscribe(), control.clone());
                connections.spawn(async move {
                    let mut upstream = TcpStream::connect(server).await.ok()?;
                    tokio::select! {
                        _ = pass_on(&mut client, &mut upstream, &control) => None,
                        _ = stopped.changed() => Some([client, upstream]),
                    }
                });
            }
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            changed = wanted.changed() => break changed,
        }
    };
    stop.send_replace(());
    let open = connections.join_all().await.into_iter().flatten().flatten();
    if *wanted.borrow() == Traffic::Swallowed {
        swallowed.extend(open);
    }
    changed
}

/// Relays in both directions until one side ends, or until a COMMIT with an injected fault.
async fn pass_on(client: &mut TcpStream, server: &mut TcpStream, control: &Control) -> std::io::Result<()> {
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) = (client.split(), server.split());
    let silenced = AtomicBool::new(false);
    let requests = async {
        let mut buffer = vec![0; BUFFER];
        loop {
            let read = from_client.read(&mut buffer).await?;
            let is_commit = buffer[..read].windows(COMMIT.len()).any(|bytes| bytes == COMMIT);
            let fault = if is_commit { control.take_fault() } else { None };
            // Set this before the COMMIT is sent, so that its response is not relayed.
            silenced.store(fault.is_some(), Ordering::SeqCst);
            to_server.write_all(&buffer[..read]).await?;
            match fault {
                Some(fault) => {
                    control.wanted.send_replace(fault.traffic());
                    return pending().await;
                }
                None if read == 0 => return Ok(()),
                None => {}
            }
        }
    };
    let responses = async {
        let mut buffer = vec![0; BUFFER];
        loop {
            let read = from_server.read(&mut buffer).await?;
            if silenced.load(Ordering::SeqCst) {
                return pending().await;
            }
            if read == 0 {
                return Ok(());
            }
            to_client.write_all(&buffer[..read]).await?;
        }
    };
    tokio::select! { ended = requests => ended, ended = responses => ended }
}

/// Listens on the same port again. Retries, because a program that another test is starting may hold the closed socket
/// for a moment.
async fn listen(address: SocketAddr) -> TcpListener {
    let bound = || async {
        let socket = TcpSocket::new_v4().ok()?;
        socket.set_reuseaddr(true).and_then(|()| socket.bind(address)).ok()?;
        socket.listen(BACKLOG).ok()
    };
    eventually("the link's port", bound).await
}
