//! A test of callers that pipeline requests on every connection and never read: health checks and programs get through.

use std::{process::Command, time::Duration};

use tokio::{
    io::AsyncWriteExt,
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use crate::support::gateway::{Gateway, Home};

/// Open files of the gateway: 64 are reserved, and each connection may need another one to a provider.
const OPEN_FILES: usize = 160;
const MAX_CONNECTIONS: usize = (OPEN_FILES - 64) / 2;
/// Far below the 30 s after which a write without progress ends its connection.
const SOON: Duration = Duration::from_secs(5);

/// Starts a gateway that may open few files.
async fn start_with_few_files(home: &Home) -> Gateway {
    let command = home.command(&[]);
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("ulimit -n {OPEN_FILES} && exec \"$0\"")]).arg(command.get_program()).env_clear();
    shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?)))).current_dir(home.path());
    home.wait_until_healthy(home.spawn(shell, "gateway")).await
}

/// Sends 40 requests for a large public document, and reads nothing.
async fn connect_without_reading(home: &Home) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(2048).expect("a small buffer");
    let mut stream = socket.connect(([127, 0, 0, 1], home.port).into()).await.expect("a connection");
    let requests = format!("GET /openapi.json HTTP/1.1\r\nHost: localhost:{}\r\n\r\n", home.port).repeat(40);
    // The gateway may have closed this connection already, to make room for a newer one.
    let _ = stream.write_all(requests.as_bytes()).await;
    stream
}

#[tokio::test]
async fn callers_that_never_read_do_not_block_others() {
    let home = Home::without_provider();
    let gateway = start_with_few_files(&home).await;
    let mut attackers = Vec::new();
    for _ in 0..3 {
        for _ in 0..MAX_CONNECTIONS {
            attackers.push(connect_without_reading(&home).await);
        }
        let health = timeout(SOON, gateway.get("/healthz")).await.expect("the health check gets through");
        assert_eq!(health.status, 200);
        let models = timeout(SOON, gateway.get("/v1/models")).await.expect("a program gets through");
        assert_eq!(models.status, 200, "{}", models.text);
    }
}
