//! Reads and discards the rest of a body whose request was answered before its end. If a socket is closed with unread
//! input, the connection is reset and the caller may lose the response (RFC 9112, section 9.6).

use std::{future::pending, time::Duration};

use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::{sync::mpsc, time::timeout};

use super::watched_body::AnyBody;

/// Maximum time and number of bytes to read after a response.
const MAX_TIME: Duration = Duration::from_secs(5);
const MAX_BYTES: usize = 32 * 1024 * 1024;

/// Discards the unread bodies of a connection. Never completes.
pub(super) async fn discard(mut unread: mpsc::Receiver<AnyBody>) {
    while let Some(mut body) = unread.recv().await {
        let rest = async {
            let mut size = 0;
            while let Some(Ok(frame)) = body.frame().await {
                size += frame.data_ref().map_or(0, Bytes::len);
                if size > MAX_BYTES {
                    break;
                }
            }
        };
        // A caller that needs more time loses its connection.
        let _ = timeout(MAX_TIME, rest).await;
    }
    pending().await
}
