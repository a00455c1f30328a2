//! A server that plays a [`ScriptedResponse`] over TCP.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::support::fakes::{End, Exchange, Framing, ScriptedResponse};

pub(super) struct ScriptedServer {
    pub(super) base: String,
    pub(super) exchange: Arc<Exchange>,
    requests: Arc<Mutex<Vec<String>>>,
    _accepting: JoinSet<()>,
}

impl ScriptedServer {
    /// Starts on a free port and responds to every request with `script`.
    pub(super) async fn start(script: ScriptedResponse) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let exchange = Arc::<Exchange>::default();
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let (shared, noted) = (Arc::clone(&exchange), Arc::clone(&requests));
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                connections.spawn(serve(stream, script.clone(), Arc::clone(&shared), Arc::clone(&noted)));
            }
        });
        Self { base, exchange, requests, _accepting: accepting }
    }

    /// Returns the bearer tokens of all complete requests, in order.
    pub(super) fn tokens(&self) -> Vec<String> {
        let token = |request: &String| {
            let line = request.lines().find_map(|line| line.strip_prefix("authorization: Bearer "));
            line.unwrap_or_default().to_owned()
        };
        self.requests().iter().map(token).collect()
    }

    /// Returns all complete requests, in order.
    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("no test panics while it holds the list").clone()
    }
}

/// Serves one connection until either side closes it.
async fn serve(
    mut stream: TcpStream,
    script: ScriptedResponse,
    exchange: Arc<Exchange>,
    requests: Arc<Mutex<Vec<String>>>,
) {
    while let Some(request) = read_request(&mut stream).await {
        requests.lock().expect("no test panics while it holds the list").push(request);
        if play(&mut stream, &script, &exchange).await.is_err() {
            return exchange.note_disconnect();
        }
        match script.end {
            End::Complete if script.framing != Framing::UntilClose => {}
            End::Complete | End::BreaksOff => return,
            End::Silent | End::Open => {
                // The caller sends nothing more, so this read ends when it disconnects.
                let _ = stream.read_u8().await;
                return exchange.note_disconnect();
            }
        }
    }
}

async fn play(stream: &mut TcpStream, script: &ScriptedResponse, exchange: &Exchange) -> std::io::Result<()> {
    let Some(status) = script.status else { return Ok(()) };
    let mut head = format!("HTTP/1.1 {status}\r\n").into_bytes();
    for (name, value) in &script.all_headers() {
        head.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    head.extend(b"\r\n");
    stream.write_all(&head).await?;
    for (index, piece) in script.pieces.iter().enumerate() {
        if script.is_paced && index > 0 {
            exchange.wait_for_piece().await;
        }
        stream.write_all(&with_framing(piece, script.framing)).await?;
    }
    if script.framing == Framing::Chunked && script.end == End::Complete {
        stream.write_all(b"0\r\n\r\n").await?;
    }
    Ok(())
}

fn with_framing(piece: &Bytes, framing: Framing) -> Vec<u8> {
    match framing {
        Framing::Chunked => [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat(),
        Framing::Length | Framing::UntilClose => piece.to_vec(),
    }
}

/// Reads a request with its body; None if the connection ends early.
async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    read_until(stream, &mut bytes, b"\r\n\r\n").await?;
    let head = String::from_utf8(bytes.clone()).expect("text");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    if let Some(length) = length {
        let mut body = vec![0; length.parse().expect("a number")];
        stream.read_exact(&mut body).await.ok()?;
        bytes.extend(body);
    } else if head.contains("transfer-encoding: chunked") {
        read_until(stream, &mut bytes, b"0\r\n\r\n").await?;
    }
    Some(String::from_utf8(bytes).expect("text"))
}

async fn read_until(stream: &mut TcpStream, bytes: &mut Vec<u8>, end: &[u8]) -> Option<()> {
    loop {
        bytes.push(stream.read_u8().await.ok()?);
        if bytes.ends_with(end) {
            return Some(());
        }
    }
}
