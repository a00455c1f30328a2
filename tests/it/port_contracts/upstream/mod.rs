//! Contract of `Upstream`, for the fake and for the HTTP adapter against servers that play the same scripts.

mod fixtures;

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use goclaw::{
    domain::secret::AccessToken,
    ports::{
        BodyError, ByteStream, ConnectProblem, RequestBody, Upstream, UpstreamError, UpstreamRequest, UpstreamResponse,
    },
};
use http_message::{HeaderMap, HeaderValue, Method, StatusCode, header};

use super::contract;
use crate::support::fakes::{End, Framing, ScriptedResponse, within};
use crate::support::outbound::account;
use fixtures::{Fake, Fixture, Http, Http2};

// HTTP/2 has no 101 Switching Protocols.
contract!(fake: Fake, http: Http; [a_101_response_is_an_error]);
contract!(fake_upstream: Fake, http1: Http, http2: Http2; [
    a_body_yields_nothing_after_its_end,
    a_body_yields_nothing_after_an_error,
    a_lost_response_is_an_error_and_is_not_retried,
    a_redirect_is_passed_on_and_not_followed,
    bytes_and_headers_pass_unchanged_and_unbuffered,
    silence_before_the_head_is_an_error,
    dropping_the_future_ends_the_request,
    dropping_the_body_ends_the_request,
    the_token_is_sent_as_a_bearer_token,
    a_failing_request_body_is_reported_as_a_body_error,
    an_invalid_request_is_not_sent,
    a_refused_connection_is_an_unreachable_error,
]);

const TOKEN: &str = "token-1";
/// The number of polls after a body's end.
const EXTRA_POLLS: usize = 3;

fn request(fixture: &impl Fixture, body: RequestBody) -> UpstreamRequest {
    let url = format!("{}/v1/responses", fixture.base());
    UpstreamRequest { account: account().clone(), method: Method::POST, url, headers: HeaderMap::new(), body }
}

async fn send(fixture: &impl Fixture) -> Result<UpstreamResponse, UpstreamError> {
    let request = request(fixture, RequestBody::Buffered(Bytes::from("{}")));
    within(fixture.upstream().send(request, &AccessToken::new(TOKEN))).await
}

fn script(framing: Framing, end: End) -> ScriptedResponse {
    let pieces = vec![Bytes::from("hel"), Bytes::from("lo")];
    ScriptedResponse { framing, pieces, end, ..ScriptedResponse::whole(StatusCode::OK, "") }
}

fn without_head(end: End) -> ScriptedResponse {
    ScriptedResponse { status: None, ..script(Framing::Length, end) }
}

/// Reads until the end or the first error.
async fn read(body: &mut ByteStream) -> (Vec<u8>, Option<UpstreamError>) {
    let mut bytes = Vec::new();
    loop {
        match within(body.next()).await {
            Some(Ok(piece)) => bytes.extend(piece),
            Some(Err(error)) => return (bytes, Some(error)),
            None => return (bytes, None),
        }
    }
}

async fn assert_is_over(body: &mut ByteStream, context: &str) {
    for _ in 0..EXTRA_POLLS {
        assert!(within(body.next()).await.is_none(), "{context}");
    }
}

async fn a_body_yields_nothing_after_its_end<F: Fixture>() {
    for status in [StatusCode::OK, StatusCode::UNAUTHORIZED] {
        for framing in [Framing::Chunked, Framing::Length, Framing::UntilClose] {
            for pieces in [vec![Bytes::from("hel"), Bytes::from("lo")], vec![]] {
                let context = format!("{status}, {framing:?}, {pieces:?}");
                let expected = pieces.concat();
                let script = ScriptedResponse { status: Some(status), pieces, ..script(framing, End::Complete) };
                let fixture = F::with_script(script).await;
                let mut response = send(&fixture).await.expect("a response");
                assert_eq!(response.status, status);
                let (bytes, error) = read(&mut response.body).await;
                assert!(bytes == expected && error.is_none(), "{context}: {bytes:?}, {error:?}");
                assert_is_over(&mut response.body, &context).await;
            }
        }
    }
}

async fn a_body_yields_nothing_after_an_error<F: Fixture>() {
    for status in [StatusCode::OK, StatusCode::UNAUTHORIZED] {
        for framing in [Framing::Chunked, Framing::Length] {
            for end in [End::BreaksOff, End::Silent] {
                let context = format!("{status}, {framing:?}, {end:?}");
                let fixture = F::with_script(ScriptedResponse { status: Some(status), ..script(framing, end) }).await;
                let mut response = send(&fixture).await.expect("a head");
                let (bytes, error) = read(&mut response.body).await;
                assert_eq!(bytes, b"hello", "{context}");
                let is_expected = match end {
                    End::Silent => matches!(error, Some(UpstreamError::Silent)),
                    End::Complete | End::BreaksOff | End::Open => matches!(error, Some(UpstreamError::Lost(_))),
                };
                assert!(is_expected, "{context}: {error:?}");
                assert_is_over(&mut response.body, &context).await;
            }
        }
    }
}

async fn a_lost_response_is_an_error_and_is_not_retried<F: Fixture>() {
    let fixture = F::with_script(without_head(End::BreaksOff)).await;
    let lost = send(&fixture).await.map(drop);
    assert!(matches!(lost, Err(UpstreamError::Lost(_))), "{lost:?}");
    assert_eq!(fixture.tokens(), [TOKEN]);
}

async fn a_101_response_is_an_error<F: Fixture>() {
    let fixture = F::with_script(ScriptedResponse::whole(StatusCode::SWITCHING_PROTOCOLS, "")).await;
    let switched = send(&fixture).await.map(drop);
    assert!(matches!(switched, Err(UpstreamError::Lost(_))), "{switched:?}");
}

async fn a_redirect_is_passed_on_and_not_followed<F: Fixture>() {
    for status in [StatusCode::FOUND, StatusCode::TEMPORARY_REDIRECT] {
        let mut script = ScriptedResponse::whole(status, "moved");
        script.headers.insert(header::LOCATION, HeaderValue::from_static("/elsewhere"));
        let fixture = F::with_script(script).await;
        let mut response = send(&fixture).await.expect("a response");
        assert_eq!((response.status, &response.headers[header::LOCATION]), (status, &"/elsewhere".parse().unwrap()));
        assert_eq!(read(&mut response.body).await.0, b"moved");
        assert_eq!(fixture.tokens(), [TOKEN], "{status}");
    }
}

async fn bytes_and_headers_pass_unchanged_and_unbuffered<F: Fixture>() {
    for framing in [Framing::Chunked, Framing::Length, Framing::UntilClose] {
        // The body is not gzip, so decoding it would fail.
        let mut script = ScriptedResponse { is_paced: true, ..script(framing, End::Complete) };
        script.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        script.headers.append(header::SET_COOKIE, HeaderValue::from_static("a=1"));
        script.headers.append(header::SET_COOKIE, HeaderValue::from_static("b=2"));
        let sent = F::headers_of(&script);
        let fixture = F::with_script(script).await;
        let mut response = send(&fixture).await.expect("a response");
        assert_eq!(response.headers, sent, "{framing:?}");
        assert_eq!(within(response.body.next()).await.expect("a piece").expect("bytes"), "hel", "{framing:?}");
        assert!(response.body.next().now_or_never().is_none(), "{framing:?}: the second piece is not sent yet");
        fixture.exchange().send_piece();
        let rest: Vec<Bytes> = within(response.body.try_collect()).await.expect("bytes");
        assert_eq!(rest.concat(), b"lo", "{framing:?}");
    }
}

async fn silence_before_the_head_is_an_error<F: Fixture>() {
    let fixture = F::with_script(without_head(End::Silent)).await;
    let silent = send(&fixture).await.map(drop);
    assert!(matches!(silent, Err(UpstreamError::Silent)), "{silent:?}");
    assert_eq!(fixture.tokens(), [TOKEN]);
}

async fn dropping_the_future_ends_the_request<F: Fixture>() {
    let fixture = F::with_script(without_head(End::Open)).await;
    let (request, token) = (request(&fixture, RequestBody::default()), AccessToken::new(TOKEN));
    let mut sending = fixture.upstream().send(request, &token);
    within(async {
        while fixture.tokens().is_empty() {
            assert!(sending.as_mut().now_or_never().is_none(), "there is no response yet");
            tokio::task::yield_now().await;
        }
    })
    .await;
    drop(sending);
    fixture.exchange().disconnected().await;
}

async fn dropping_the_body_ends_the_request<F: Fixture>() {
    for framing in [Framing::Chunked, Framing::Length, Framing::UntilClose] {
        let fixture = F::with_script(script(framing, End::Open)).await;
        let mut response = send(&fixture).await.expect("a head");
        within(response.body.next()).await.expect("a piece").expect("bytes");
        drop(response);
        fixture.exchange().disconnected().await;
    }
}

async fn the_token_is_sent_as_a_bearer_token<F: Fixture>() {
    let fixture = F::with_script(ScriptedResponse::whole(StatusCode::NO_CONTENT, "")).await;
    for token in ["token-1", "token-2"] {
        let request = request(&fixture, RequestBody::default());
        within(fixture.upstream().send(request, &AccessToken::new(token))).await.expect("a response");
    }
    assert_eq!(fixture.tokens(), ["token-1", "token-2"]);
}

async fn a_failing_request_body_is_reported_as_a_body_error<F: Fixture>() {
    for error in [BodyError::TooLarge { limit: 5 }, BodyError::TooSlow, BodyError::Broken, BodyError::OverBudget] {
        let fixture = F::with_script(ScriptedResponse::whole(StatusCode::OK, "")).await;
        let stream = Box::pin(stream::iter([Ok(Bytes::from("hello")), Err(error)]));
        let request = request(&fixture, RequestBody::Streamed { length: None, stream });
        let broken = within(fixture.upstream().send(request, &AccessToken::new(TOKEN))).await.map(drop);
        assert!(matches!(broken, Err(UpstreamError::Body(seen)) if seen == error), "{error:?}: {broken:?}");
        assert!(fixture.tokens().is_empty(), "the request is incomplete");
    }
}

async fn an_invalid_request_is_not_sent<F: Fixture>() {
    let fixture = F::with_script(ScriptedResponse::whole(StatusCode::OK, "")).await;
    let relative = UpstreamRequest { url: "/v1/responses".to_owned(), ..request(&fixture, RequestBody::default()) };
    let usable = request(&fixture, RequestBody::default());
    for (request, token) in [(relative, TOKEN), (usable, "two\nlines")] {
        let refused = within(fixture.upstream().send(request, &AccessToken::new(token))).await.map(drop);
        assert!(matches!(refused, Err(UpstreamError::Unsendable(_))), "{refused:?}");
    }
    assert!(fixture.tokens().is_empty());
}

async fn a_refused_connection_is_an_unreachable_error<F: Fixture>() {
    let fixture = F::unreachable().await;
    let refused = send(&fixture).await.map(drop);
    assert!(
        matches!(&refused, Err(UpstreamError::Unreachable(why)) if why.problem == ConnectProblem::Refused),
        "{refused:?}"
    );
}
