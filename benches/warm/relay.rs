//! Simulates a distant network: forwards bytes after a delay, in both directions.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::{Instant, sleep, sleep_until},
};

use crate::Outcome;

/// Relays connections to `target` until the process ends. Returns the relay's port.
pub(crate) async fn start(target: SocketAddr, delay: Duration) -> Outcome<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(relay(stream, target, delay));
        }
    });
    Ok(port)
}

async fn relay(client: TcpStream, target: SocketAddr, delay: Duration) -> Outcome {
    // The local kernel accepts a connection at once; over a distance this takes a round trip.
    sleep(delay * 2).await;
    let server = TcpStream::connect(target).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    tokio::join!(pump(from_client, to_server, delay), pump(from_server, to_client, delay));
    Ok(())
}

/// Forwards bytes in one direction, each after the delay. Reading does not wait for writing.
async fn pump(mut source: impl AsyncRead + Unpin, mut destination: impl AsyncWrite + Unpin, delay: Duration) {
    let (sender, mut receiver) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    let reading = async move {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = source.read(&mut buffer).await {
            let bytes = buffer.get(..length).unwrap_or_default().to_vec();
            if sender.send((Instant::now() + delay, bytes)).is_err() {
                return;
            }
        }
    };
    let writing = async move {
        while let Some((due, bytes)) = receiver.recv().await {
            sleep_until(due).await;
            if destination.write_all(&bytes).await.is_err() {
                return;
            }
        }
        let _ = destination.shutdown().await;
    };
    tokio::join!(reading, writing);
}
