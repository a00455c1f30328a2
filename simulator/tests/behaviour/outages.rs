//! Tests outages: an origin that is down refuses connections and closes open ones, and keeps its state.

use std::io;

use goclaw_simulator::{Outage, Site, Step, StopOrder, StoppedState};
use reqwest::Response;
use serde_json::json;
use tokio::{io::AsyncReadExt, net::TcpStream};

use crate::client::{Party, host_and_port, soon, until};

const SITES: [Site; 5] = [Site::Auth, Site::Backend, Site::Sessions, Site::Studio, Site::Dashscope];

fn address(party: &Party, site: Site) -> String {
    let addresses = party.simulator.addresses();
    let url = match site {
        Site::Auth => &addresses.issuer,
        Site::Backend => &addresses.backend_url,
        Site::Sessions => &addresses.sessions_url,
        Site::Studio => &addresses.studio_url,
        Site::Dashscope => &addresses.dashscope_url,
    };
    host_and_port(url).to_owned()
}

async fn request(party: &Party, site: Site) -> Result<Response, reqwest::Error> {
    party.http.get(format!("http://{}/nothing-here", address(party, site))).send().await
}

#[tokio::test]
async fn an_origin_refuses_while_down_and_returns_on_its_port() {
    let party = Party::new().await;
    for down in SITES {
        request(&party, down).await.unwrap();
        party.simulator.take_down(down).await;
        for site in SITES {
            let connected = TcpStream::connect(address(&party, site)).await;
            if site == down {
                assert_eq!(connected.unwrap_err().kind(), io::ErrorKind::ConnectionRefused, "{site:?}");
                // Connections from before the outage are closed too.
                assert!(request(&party, site).await.unwrap_err().is_connect(), "{site:?}");
            } else {
                assert!(connected.is_ok(), "{site:?} is down together with {down:?}");
            }
        }
        party.simulator.bring_back(down).await;
        assert!(request(&party, down).await.is_ok(), "{down:?} did not come back");
    }
}

#[tokio::test]
async fn state_survives_an_outage() {
    let party = Party::new().await;
    let tokens = party.sign_in().await;
    party.simulator.take_down(Site::Auth).await;
    party.simulator.take_down(Site::Auth).await;
    assert!(party.try_refresh(&tokens.refresh).await.unwrap_err().is_connect());
    assert!(party.simulator.presentations().is_empty());
    party.simulator.bring_back(Site::Auth).await;
    party.simulator.bring_back(Site::Auth).await;
    assert_eq!(party.refresh(&tokens.refresh).await.status, 200);
}

#[tokio::test]
async fn an_outage_ends_requests_in_flight() {
    let party = Party::new().await;
    let tokens = party.sign_in().await;
    party.simulator.stop_at(StopOrder::hold(Step::Rotated));
    let mut connection = party.send_refresh(&tokens.refresh).await;
    soon(party.simulator.reached(Step::Rotated, 1)).await;
    party.simulator.take_down(Site::Auth).await;
    let mut received = Vec::new();
    soon(connection.read_to_end(&mut received)).await.unwrap();
    assert!(received.is_empty(), "got a response");
    until("the refresh ends", || party.simulator.presentation_totals().under_way == 0).await;
    assert_eq!(party.simulator.stopped()[0].state, StoppedState::ClientGone);
    assert_eq!(party.simulator.ledger()[0].rotations, 1);
}

#[tokio::test]
async fn outages_are_controlled_over_http_and_end_with_a_reset() {
    let party = Party::new().await;
    let shown = async || -> Vec<Outage> { serde_json::from_value(party.look("/outages").await).unwrap() };
    assert!(shown().await.iter().all(|outage| !outage.down));
    assert_eq!(party.change("/outages", json!({"site": "backend", "down": true})).await.status, 200);
    assert_eq!(party.change("/outages", json!({"site": "studio", "down": true})).await.status, 200);
    assert_eq!(party.change("/outages", json!({"site": "control", "down": true})).await.status, 400);
    let down: Vec<_> = shown().await.into_iter().filter(|outage| outage.down).map(|outage| outage.site).collect();
    assert_eq!(down, [Site::Backend, Site::Studio]);
    assert!(request(&party, Site::Backend).await.unwrap_err().is_connect());
    assert_eq!(party.change("/outages", json!({"site": "backend", "down": false})).await.status, 200);
    assert!(request(&party, Site::Backend).await.is_ok());

    assert_eq!(party.change("/reset", json!({})).await.status, 200);
    assert!(shown().await.iter().all(|outage| !outage.down));
    assert!(request(&party, Site::Studio).await.is_ok());
}

#[tokio::test]
async fn a_concurrent_outage_and_its_end_do_not_block_each_other() {
    let party = Party::new().await;
    for _ in 0..20 {
        // Both are requested before the origin processes the first.
        soon(async { tokio::join!(party.simulator.take_down(Site::Auth), party.simulator.bring_back(Site::Auth)) })
            .await;
    }
    assert!(request(&party, Site::Auth).await.is_ok());
}
