//! The baseline in Rust: a hyper server that sets the key and forwards with hyper-util's client. It checks no token,
//! looks up no account, filters no headers and has no deadlines. The difference to goclaw is the cost of goclaw's work.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{Either, Empty};
use hyper::{
    Request, Response, StatusCode, Uri,
    body::Incoming,
    header::{AUTHORIZATION, HOST, HeaderValue},
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

use crate::{Outcome, UPSTREAM_AUTHORIZATION, server};

pub(crate) fn run(port: u16, upstream: SocketAddr) -> Outcome {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(1_024).build(connector);
    server::serve(port, move |request| forward(client.clone(), upstream, request))
}

async fn forward(
    client: Client<HttpConnector, Incoming>,
    upstream: SocketAddr,
    mut request: Request<Incoming>,
) -> Response<Either<Incoming, Empty<Bytes>>> {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let target = Uri::builder().scheme("http").authority(upstream.to_string()).path_and_query(path).build();
    if let Ok(target) = target {
        *request.uri_mut() = target;
        request.headers_mut().remove(HOST);
        request.headers_mut().insert(AUTHORIZATION, HeaderValue::from_static(UPSTREAM_AUTHORIZATION));
        if let Ok(response) = client.request(request).await {
            return response.map(Either::Left);
        }
    }
    let mut response = Response::new(Either::Right(Empty::new()));
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    response
}
