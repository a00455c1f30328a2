//! Streams a model's response: the provider's events, translated for the caller's API.
//!
//! The caller's stream ends after the last event, even if the provider keeps its stream open. If the provider's stream
//! ends or breaks earlier, or has an invalid event, the caller receives an error event and a broken connection, never a
//! normal end.

use std::{collections::VecDeque, mem, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, stream};
use serde_json::Value;
use tokio::select;

use super::{
    Models,
    memory::{Complete, PendingMemory},
};
use crate::{
    app::{ProviderRegistration, RunningRequest},
    domain::dialect::{
        ChatStream, EventTooLong, ResponseFailure, ResponseReader, SseDecoder, SseFrame, has_output, legacy,
    },
    ports::{ByteStream, UpstreamError},
};

/// How long the head of the caller's response waits for the first event, and after that for the first event with
/// output. A failure before the head is sent becomes an HTTP status.
const FIRST_EVENT_WAIT: Duration = Duration::from_secs(10);
const FIRST_OUTPUT_WAIT: Duration = Duration::from_millis(100);

/// Size in bytes from which no more frames are added to a piece of the body.
const MAX_PIECE: usize = 64 * 1024;

/// Maximum number of the frames that are held back while the head waits, and their maximum size in bytes.
const MAX_HELD_FRAMES: usize = 1000;
const MAX_HELD_BYTES: usize = 1024 * 1024;

/// The events of a provider's stream.
pub(super) struct ProviderEvents {
    body: ByteStream,
    decoder: SseDecoder,
    ready: VecDeque<SseFrame>,
}

/// Why a provider's stream ended before its last event.
#[derive(Debug, thiserror::Error)]
pub(super) enum BrokenEvents {
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    #[error(transparent)]
    TooLong(#[from] EventTooLong),
    #[error("the gateway stops; send the request again")]
    GatewayStops,
    /// An event reported that the response failed, or the stream ended early.
    #[error(transparent)]
    Failed(#[from] ResponseFailure),
}

impl ProviderEvents {
    pub(super) fn of(body: ByteStream) -> Self {
        Self { body, decoder: SseDecoder::default(), ready: VecDeque::new() }
    }

    /// Returns the next frame; None at the end. This method is cancel safe.
    pub(super) async fn next(&mut self) -> Option<Result<SseFrame, BrokenEvents>> {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                return Some(Ok(frame));
            }
            let piece = self.body.next().await?.map_err(BrokenEvents::from);
            if let Err(error) = piece.and_then(|piece| Ok(self.decoder.push(&piece, &mut self.ready)?)) {
                return Some(Err(error));
            }
        }
    }

    /// Returns the next frame if it has already arrived.
    fn next_arrived(&mut self) -> Option<Option<Result<SseFrame, BrokenEvents>>> {
        self.next().now_or_never()
    }

    pub(super) fn into_body(self) -> ByteStream {
        self.body
    }

    /// Reads until the first event with output ([`has_output`]), or until the time or a limit is reached. The frames stay
    /// queued.
    ///
    /// # Errors
    /// [`BrokenEvents`] if the response fails before that.
    pub(super) async fn await_output(&mut self, models: &Models) -> Result<(), BrokenEvents> {
        let (mut held, mut size) = (VecDeque::new(), 0);
        let (mut has_begun, mut deadline) = (false, None);
        loop {
            let frame = match self.next_arrived() {
                Some(arrived) => arrived,
                // Start a timer only now: it costs as much as several events, and often all have arrived.
                None => select! {
                    biased;
                    frame = self.next() => frame,
                    () = deadline.get_or_insert_with(|| models.clock.sleep(FIRST_EVENT_WAIT)) => break,
                },
            };
            // An empty frame stands for the end of the stream.
            let frame = frame.unwrap_or_else(|| Ok(SseFrame::default()))?;
            if frame.bytes.is_empty() {
                return Err(ResponseFailure::ended_early().into());
            }
            let has_output = frame.event().as_ref().map(has_output).transpose()?;
            size += frame.bytes.len();
            held.push_back(frame);
            if has_output == Some(true) || held.len() > MAX_HELD_FRAMES || size > MAX_HELD_BYTES {
                break;
            }
            if has_output == Some(false) && !mem::replace(&mut has_begun, true) {
                deadline = Some(models.clock.sleep(FIRST_OUTPUT_WAIT));
            }
        }
        held.append(&mut self.ready);
        self.ready = held;
        Ok(())
    }
}

/// The API whose events the caller receives.
pub(super) enum Form {
    Chat(Box<ChatStream>, ChatForm),
    Responses(Box<ResponseReader>),
}

/// The API of a chat's response.
#[derive(Debug, Clone, Copy)]
pub(super) enum ChatForm {
    Chat,
    /// The legacy Completions API.
    Text,
}

impl ChatForm {
    /// Converts a whole completion to this form.
    pub(super) fn whole(self, completion: Value) -> Value {
        match self {
            Self::Chat => completion,
            Self::Text => legacy::text_completion(completion),
        }
    }

    fn chunk(self, chunk: Value) -> Option<Value> {
        match self {
            Self::Chat => Some(chunk),
            Self::Text => legacy::text_chunk(chunk),
        }
    }
}

impl Form {
    /// Writes a frame in this form.
    fn write(&mut self, frame: &SseFrame, out: &mut Vec<u8>) -> Result<Written, ResponseFailure> {
        let Some(event) = frame.event() else {
            out.extend_from_slice(&frame.bytes);
            return Ok(Written::More);
        };
        match self {
            Self::Chat(chat, form) => {
                for chunk in chat.on_event(&event)?.into_iter().filter_map(|chunk| form.chunk(chunk)) {
                    out.extend_from_slice(format!("data: {chunk}\n\n").as_bytes());
                }
                if !chat.is_complete() {
                    return Ok(Written::More);
                }
                out.extend_from_slice(b"data: [DONE]\n\n");
                let calls = chat.take_reasoned_calls();
                Ok(calls.map_or(Written::Last, |calls| Written::Whole(Complete::Chat(calls))))
            }
            Self::Responses(reader) => {
                let read = reader.on_event(&event)?;
                if read.as_ref().is_some_and(|read| reader.omits(read)) {
                    return Ok(Written::More);
                }
                match read.as_ref().and_then(|read| read.repaired_frame()) {
                    Some(repaired) if out.is_empty() => *out = repaired.into_bytes(),
                    Some(repaired) => out.extend_from_slice(repaired.as_bytes()),
                    None => out.extend_from_slice(&frame.bytes),
                }
                match read {
                    Some(read) if read.is_last() => match read.into_response() {
                        Ok(whole) => Ok(whole.map_or(Written::Last, |whole| Written::Whole(Complete::Response(whole)))),
                        Err(failure) => Ok(Written::Failure(failure)),
                    },
                    Some(_) | None => Ok(Written::More),
                }
            }
        }
    }

    /// Writes an error event, which OpenAI's clients raise as an exception.
    fn write_error(&self, kind: &str, code: &str, message: &str, out: &mut Vec<u8>) {
        let text = match self {
            Self::Chat(..) => {
                let error = serde_json::json!({"message": message, "type": kind, "code": code, "param": null});
                format!("data: {}\n\n", serde_json::json!({ "error": error }))
            }
            Self::Responses(reader) => reader.error_frame(code, message),
        };
        out.extend_from_slice(text.as_bytes());
    }

    /// Whether the rest of the provider's response is not needed.
    fn has_stopped(&self) -> bool {
        match self {
            Self::Chat(chat, _) => chat.has_stopped(),
            Self::Responses(_) => false,
        }
    }
}

/// What [`Form::write`] has written.
enum Written {
    More,
    Last,
    /// The last event of a response that can be remembered.
    Whole(Complete),
    /// The last event, which reports that the response failed.
    Failure(ResponseFailure),
}

/// What the stream does next.
enum Next {
    Events,
    /// Stores the response, then sends these bytes, which contain its last event.
    Remember(PendingMemory, Complete, Vec<u8>),
    Break(UpstreamError),
    End,
}

/// The state of the stream that a caller receives.
struct CallerStream {
    models: Arc<Models>,
    account: Arc<ProviderRegistration>,
    events: ProviderEvents,
    form: Form,
    next: Next,
    /// Set if the response will be stored.
    pending_memory: Option<PendingMemory>,
    request: RunningRequest,
    /// The request's span, for log lines while the body is streamed.
    span: tracing::Span,
}

/// Returns the body of the caller's response.
pub(super) fn caller_stream(
    models: Arc<Models>,
    account: Arc<ProviderRegistration>,
    events: ProviderEvents,
    form: Form,
    pending_memory: Option<PendingMemory>,
) -> ByteStream {
    let span = tracing::Span::current();
    let request = RunningRequest::current();
    let state = CallerStream { models, account, events, form, next: Next::Events, pending_memory, request, span };
    let stream = stream::unfold(state, |mut state| async move {
        loop {
            match mem::replace(&mut state.next, Next::End) {
                Next::Events => {
                    let piece = state.piece().await;
                    if !piece.is_empty() {
                        return Some((Ok(Bytes::from(piece)), state));
                    }
                }
                Next::Remember(pending_memory, complete, last) => {
                    // Store the response first: the caller's next request may reach another gateway at once.
                    state.models.remember(pending_memory, complete).await;
                    return Some((Ok(Bytes::from(last)), state));
                }
                Next::Break(error) => return Some((Err(error), state)),
                Next::End => {
                    if !state.form.has_stopped() {
                        state.models.drain(state.events.into_body());
                    }
                    return None;
                }
            }
        }
    });
    Box::pin(stream.fuse())
}

impl CallerStream {
    /// Waits for a frame, and translates all that have arrived, until [`MAX_PIECE`] is reached. A burst is sent as one
    /// piece, because each piece costs more than the frames in it.
    async fn piece(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut frame = select! {
            biased;
            frame = self.events.next() => frame,
            () = self.models.tasks.streams_end().cancelled() => Some(Err(BrokenEvents::GatewayStops)),
        };
        loop {
            self.next = match frame {
                Some(Ok(frame)) => self.write(&frame, &mut out),
                Some(Err(error)) => self.write_broken(error, &mut out),
                None => {
                    self.write_failure(ResponseFailure::ended_early(), &mut out);
                    Next::Break(UpstreamError::Lost("the stream ended before its last event".into()))
                }
            };
            let continues = matches!(self.next, Next::Events) && out.len() < MAX_PIECE;
            match continues.then(|| self.events.next_arrived()).flatten() {
                Some(arrived) => frame = arrived,
                None => return out,
            }
        }
    }

    fn write(&mut self, frame: &SseFrame, out: &mut Vec<u8>) -> Next {
        let before = out.len();
        let written = self.form.write(frame, out);
        if !matches!(written, Ok(Written::More))
            && let Some(event) = frame.event()
        {
            self.request.note_usage(event.data.as_bytes());
        }
        match written {
            Ok(Written::More) => Next::Events,
            Ok(Written::Last) => Next::End,
            Ok(Written::Whole(complete)) => match self.pending_memory.take() {
                Some(pending_memory) => Next::Remember(pending_memory, complete, out.split_off(before)),
                None => Next::End,
            },
            Ok(Written::Failure(failure)) => {
                self.models.note_failure(&self.account, failure);
                Next::End
            }
            Err(failure) => {
                let violation = failure.is_violation().then(|| failure.clone());
                self.write_failure(failure, out);
                violation.map_or(Next::End, |failure| Next::Break(UpstreamError::Lost(Box::new(failure))))
            }
        }
    }

    fn write_failure(&self, failure: ResponseFailure, out: &mut Vec<u8>) {
        let refusal = self.models.note_failure(&self.account, failure);
        self.form.write_error(refusal.kind.openai_type(), &refusal.code, &refusal.message, out);
    }

    fn write_broken(&self, error: BrokenEvents, out: &mut Vec<u8>) -> Next {
        self.span.in_scope(|| tracing::warn!(error = %error, "the stream of a model broke"));
        let code = match &error {
            BrokenEvents::Upstream(_) => "upstream_unavailable",
            BrokenEvents::GatewayStops => "gateway_stopping",
            BrokenEvents::TooLong(_) | BrokenEvents::Failed(_) => "invalid_upstream_response",
        };
        self.form.write_error("server_error", code, &error.to_string(), out);
        Next::Break(match error {
            BrokenEvents::Upstream(error) => error,
            BrokenEvents::GatewayStops => UpstreamError::Lost("the gateway stops".into()),
            BrokenEvents::TooLong(error) => UpstreamError::Lost(Box::new(error)),
            BrokenEvents::Failed(failure) => UpstreamError::Lost(Box::new(failure)),
        })
    }
}
