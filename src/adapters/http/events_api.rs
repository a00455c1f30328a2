//! `/v1/events`: whoever is told of every change need not ask all the time.

use std::{sync::Arc, time::Duration};

use futures_util::stream;
use poem::{Body, IntoResponse, Response, web::Data};
use poem_openapi::{
    ApiResponse, OpenApi,
    registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry},
};
use tokio::{select, sync::watch, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{
    Service,
    authenticator::{Caller, Credential},
    refusal::Refusal,
};
use crate::app::{Access, Tokens};

/// How long it is silent at most: what stands in between must not take it for dead.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Cancelled when the gateway begins to stop, so that no listener keeps it waiting.
#[derive(Clone)]
pub(super) struct Stopping(pub(super) CancellationToken);

pub(super) struct EventsApi;

#[OpenApi(tag = "super::Tag::Providers")]
impl EventsApi {
    /// Hear of every change, as a stream of server-sent events.
    ///
    /// `ready` once at the beginning, then `change` whenever an account or a sign-in has changed, here or on another gateway;
    /// what has changed is for the caller to ask. The stream ends with the session that asked for it.
    #[oai(path = "/v1/events", method = "get", operation_id = "followChanges")]
    async fn follow(
        &self,
        tokens: Service<'_, Tokens>,
        access: Service<'_, Access>,
        caller: Caller,
        stopping: Data<&Stopping>,
    ) -> Result<Changes, Refusal> {
        let credential = caller.0.credential;
        let changes = tokens.registry().changes();
        let listener = Listener {
            changes,
            access: Arc::clone(access.0),
            credential,
            stopping: stopping.0.0.clone(),
            is_new: true,
        };
        let frames = stream::unfold(listener, |mut listener| async {
            let frame = listener.next().await?;
            Some((Ok::<_, std::io::Error>(frame), listener))
        });
        Ok(Changes(Response::builder().content_type("text/event-stream").body(Body::from_bytes_stream(frames))))
    }
}

struct Listener {
    changes: watch::Receiver<()>,
    access: Arc<Access>,
    credential: Credential,
    stopping: CancellationToken,
    is_new: bool,
}

impl Listener {
    /// The next frame; None at the end.
    async fn next(&mut self) -> Option<&'static str> {
        if std::mem::take(&mut self.is_new) {
            return Some("event: ready\ndata: {}\n\n");
        }
        let frame = select! {
            changed = timeout(HEARTBEAT, self.changes.changed()) => match changed {
                Ok(changed) => changed.ok().map(|()| "event: change\ndata: {}\n\n")?,
                Err(_quiet) => ": \n\n",
            },
            () = self.stopping.cancelled() => return None,
        };
        let may_hear = match &self.credential {
            Credential::GatewayToken => true,
            Credential::ApiToken(token) => self.access.find(&token.digest).is_some(),
        };
        may_hear.then_some(frame)
    }
}

/// A stream of changes.
struct Changes(Response);

impl IntoResponse for Changes {
    fn into_response(self) -> Response {
        self.0
    }
}

impl ApiResponse for Changes {
    fn meta() -> MetaResponses {
        // Of one event, as its reader sees it.
        let text = || MetaSchemaRef::Inline(Box::new(MetaSchema::new("string")));
        let event = MetaSchema { properties: vec![("event", text()), ("data", text())], ..MetaSchema::new("object") };
        let schema = MetaSchemaRef::Inline(Box::new(event));
        let followed = MetaResponse {
            description: "The changes, as they happen.",
            status: Some(200),
            status_range: None,
            content: vec![MetaMediaType { content_type: "text/event-stream", schema }],
            headers: Vec::new(),
        };
        MetaResponses { responses: vec![followed] }
    }

    fn register(_registry: &mut Registry) {}
}
