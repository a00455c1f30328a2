//! `/v1/events`: notifies clients when accounts or logins have changed, so that they need not poll.

use std::{sync::Arc, time::Duration};

use futures_util::stream;
use poem::{Body, IntoResponse, Response};
use poem_openapi::{
    ApiResponse, OpenApi,
    registry::{MetaResponses, Registry},
};
use tokio::{select, sync::watch, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{
    ApiState,
    authenticator::{AuthContext, Caller, Credential},
    model_api::event_stream,
    responses::{ErrorResponse, success},
    tags::Tag,
};
use crate::adapters::serving::ClosableAtLimit;

/// The interval of heartbeats, which keep proxies from closing an idle connection.
const HEARTBEAT: Duration = Duration::from_secs(15);

pub(super) struct EventsApi;

#[OpenApi(tag = "Tag::Providers")]
impl EventsApi {
    /// Follow every change as a stream of server-sent events.
    ///
    /// `ready` once at the beginning, then `change` whenever an account or a login has changed, here or on another
    /// replica. Both have the data `{}`; read what has changed with the other operations. The stream ends with the
    /// caller's session or token.
    #[oai(path = "/v1/events", method = "get", operation_id = "followChanges")]
    async fn follow(&self, caller: Caller) -> Result<Changes, ErrorResponse<0>> {
        // The gateway token has no cancellation token; the default one is never cancelled.
        let revoked = caller.0.revoked().unwrap_or_default();
        let AuthContext { credential, state, .. } = caller.0;
        let changes = state.app.tokens.registry().changes();
        let subscriber = Subscriber { changes, credential, revoked, state, is_new: true };
        let frames = stream::unfold(subscriber, |mut subscriber| async {
            let frame = subscriber.next().await?;
            Some((Ok::<_, std::io::Error>(frame), subscriber))
        });
        let response = Response::builder().content_type("text/event-stream").extension(ClosableAtLimit);
        Ok(Changes(response.body(Body::from_bytes_stream(frames))))
    }
}

struct Subscriber {
    changes: watch::Receiver<()>,
    credential: Credential,
    revoked: CancellationToken,
    state: Arc<ApiState>,
    is_new: bool,
}

impl Subscriber {
    /// Returns the next event or heartbeat, or `None` at the end of the stream.
    async fn next(&mut self) -> Option<&'static str> {
        if std::mem::take(&mut self.is_new) {
            return Some("event: ready\ndata: {}\n\n");
        }
        let frame = select! {
            changed = timeout(HEARTBEAT, self.changes.changed()) => match changed {
                Ok(changed) => changed.ok().map(|()| "event: change\ndata: {}\n\n")?,
                Err(_elapsed) => ": \n\n",
            },
            () = self.state.stopping.cancelled() => return None,
            () = self.revoked.cancelled() => return None,
        };
        // An expired token ends the stream here. A revoked token has ended it above, without waiting for a frame.
        let is_authorized = match &self.credential {
            Credential::GatewayToken => true,
            Credential::ApiToken(issued) => self.state.app.access.find(&issued.token.digest).is_some(),
        };
        is_authorized.then_some(frame)
    }
}

/// A response with a stream of server-sent events.
struct Changes(Response);

impl IntoResponse for Changes {
    fn into_response(self) -> Response {
        self.0
    }
}

impl ApiResponse for Changes {
    fn meta() -> MetaResponses {
        MetaResponses { responses: vec![success(vec![event_stream()], Vec::new())] }
    }

    fn register(_registry: &mut Registry) {}
}
