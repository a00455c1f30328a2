//! Tests outages: an origin that is down refuses connections and closes open ones, and keeps its state.

use std::io;

use goclaw_simulator::{Outage, Site, Step, StopOrder, StoppedState};
use reqwest::Response;
use serde_json::json;
use tokio::{io::AsyncReadExt, net::TcpStream};

use crate::client::{Fixture, host_and_port, wait_until, within_timeout};

const SITES: [Site; 5] = [Site::Auth, Site::Backend, Site::Sessions, Site::Studio, Site::Dashscope];

fn address(fixture: &Fixture, site: Site) -> String {
    let addresses = fixture.simulator.addresses();
    let url = match site {
        Site::Auth => &addresses.issuer,
        Site::Backend => &addresses.backend_url,
        Site::Sessions => &addresses.sessions_url,
        Site::Studio => &addresses.studio_url,
        Site::Dashscope => &addresses.dashscope_url,
    };
    host_and_port(url).to_owned()
}

async fn request(fixture: &Fixture, site: Site) -> Result<Response, reqwest::Error> {
    fixture.http.get(format!("http://{}/nothing-here", address(fixture, site))).send().await
}

#[tokio::test]
async fn an_origin_refuses_while_down_and_returns_on_its_port() {
    let fixture = Fixture::new().await;
    for down in SITES {
        request(&fixture, down).await.unwrap();
        fixture.simulator.take_down(down).await;
        for site in SITES {
            let connected = TcpStream::connect(address(&fixture, site)).await;
            if site == down {
                assert_eq!(connected.unwrap_err().kind(), io::ErrorKind::ConnectionRefused, "{site:?}");
                // Connections from before the outage are closed too.
                assert!(request(&fixture, site).await.unwrap_err().is_connect(), "{site:?}");
            } else {
                assert!(connected.is_ok(), "{site:?} is down together with {down:?}");
            }
        }
        fixture.simulator.bring_back(down).await;
        assert!(request(&fixture, down).await.is_ok(), "{down:?} did not come back");
    }
}

#[tokio::test]
async fn state_survives_an_outage() {
    let fixture = Fixture::new().await;
    let tokens = fixture.sign_in().await;
    fixture.simulator.take_down(Site::Auth).await;
    fixture.simulator.take_down(Site::Auth).await;
    assert!(fixture.try_refresh(&tokens.refresh).await.unwrap_err().is_connect());
    assert!(fixture.simulator.presentations().is_empty());
    fixture.simulator.bring_back(Site::Auth).await;
    fixture.simulator.bring_back(Site::Auth).await;
    assert_eq!(fixture.refresh(&tokens.refresh).await.status, 200);
}

#[tokio::test]
async fn an_outage_ends_requests_in_flight() {
    let fixture = Fixture::new().await;
    let tokens = fixture.sign_in().await;
    fixture.simulator.stop_at(StopOrder::hold(Step::Rotated));
    let mut connection = fixture.send_refresh(&tokens.refresh).await;
    within_timeout(fixture.simulator.reached(Step::Rotated, 1)).await;
    fixture.simulator.take_down(Site::Auth).await;
    let mut received = Vec::new();
    within_timeout(connection.read_to_end(&mut received)).await.unwrap();
    assert!(received.is_empty(), "got a response");
    wait_until("the refresh ends", || fixture.simulator.presentation_totals().under_way == 0).await;
    assert_eq!(fixture.simulator.stopped()[0].state, StoppedState::ClientGone);
    assert_eq!(fixture.simulator.ledger()[0].rotations, 1);
}

#[tokio::test]
async fn outages_are_controlled_over_http_and_end_with_a_reset() {
    let fixture = Fixture::new().await;
    let shown = async || -> Vec<Outage> { serde_json::from_value(fixture.get_control("/outages").await).unwrap() };
    assert!(shown().await.iter().all(|outage| !outage.down));
    assert_eq!(fixture.post_control("/outages", json!({"site": "backend", "down": true})).await.status, 200);
    assert_eq!(fixture.post_control("/outages", json!({"site": "studio", "down": true})).await.status, 200);
    assert_eq!(fixture.post_control("/outages", json!({"site": "control", "down": true})).await.status, 400);
    let down: Vec<_> = shown().await.into_iter().filter(|outage| outage.down).map(|outage| outage.site).collect();
    assert_eq!(down, [Site::Backend, Site::Studio]);
    assert!(request(&fixture, Site::Backend).await.unwrap_err().is_connect());
    assert_eq!(fixture.post_control("/outages", json!({"site": "backend", "down": false})).await.status, 200);
    assert!(request(&fixture, Site::Backend).await.is_ok());

    assert_eq!(fixture.post_control("/reset", json!({})).await.status, 200);
    assert!(shown().await.iter().all(|outage| !outage.down));
    assert!(request(&fixture, Site::Studio).await.is_ok());
}

#[tokio::test]
async fn a_concurrent_outage_and_its_end_do_not_block_each_other() {
    let fixture = Fixture::new().await;
    for _ in 0..20 {
        // Both are requested before the origin processes the first.
        within_timeout(async {
            tokio::join!(fixture.simulator.take_down(Site::Auth), fixture.simulator.bring_back(Site::Auth))
        })
        .await;
    }
    assert!(request(&fixture, Site::Auth).await.is_ok());
}
