//! Calls the gateway with the client that progenitor generates, and prints the number of calls. Stops at the first
//! response that is not the expected one.

use std::{
    env,
    error::Error,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

use reqwest::{
    header::{AUTHORIZATION, HeaderMap, LOCATION},
    redirect::Policy,
};
use serde_json::json;

use api::{Client, ResponseValue, types};

mod api {
    progenitor::generate_api!("v1.json");
}

fn client(token: &str) -> Result<Client, Box<dyn Error>> {
    let headers = HeaderMap::from_iter([(AUTHORIZATION, format!("Bearer {token}").parse()?)]);
    let http = reqwest::Client::builder().default_headers(headers).build()?;
    Ok(Client::new_with_client(&env::var("GOCLAW_URL")?, http))
}

const ACCOUNT: &str = "openai-codex";
static CALLS: AtomicU32 = AtomicU32::new(0);

/// Counts a call and returns its data. A failed call is an error.
async fn count<T, E>(call: impl Future<Output = Result<ResponseValue<T>, E>>) -> Result<T, E> {
    let data = call.await?.into_inner();
    CALLS.fetch_add(1, Relaxed);
    Ok(data)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let gateway = client(&env::var("GOCLAW_TOKEN")?)?;

    let absent = count(gateway.get_auth_status(&ACCOUNT.parse()?)).await?;
    assert_eq!(absent.state, types::AccountState::Absent);

    // The generated function requires a body.
    let started = count(gateway.start_login(&ACCOUNT.parse()?, &types::StartLoginRequest::default())).await?;
    assert_eq!(started.status, types::LoginStartStatus::Pending);
    // The simulated provider approves without asking, as its user person1@example.com.
    let browser = reqwest::Client::builder().redirect(Policy::none()).build()?;
    let approval = browser.get(started.auth_url.as_deref().ok_or("no auth_url")?).send().await?;
    let redirect_url = approval.headers()[LOCATION].to_str()?.parse()?;
    let connected =
        count(gateway.complete_login(&ACCOUNT.parse()?, &types::CompleteLoginRequest { redirect_url })).await?;
    assert!(connected.authenticated);

    let active = count(gateway.get_auth_status(&ACCOUNT.parse()?)).await?;
    assert!(active.authenticated);
    assert_eq!(active.account.and_then(|account| account.email).as_deref(), Some("person1@example.com"));

    let request = types::CreateTokenRequest { name: "generated client".parse()?, scope: None, expires_in: None };
    let created = count(gateway.create_token(&request)).await?;
    let list = count(gateway.list_tokens(None, None)).await?;
    assert_eq!(list.tokens[0].id, created.id);

    let mut extra = serde_json::Map::new();
    extra.insert("instructions".to_owned(), json!("Answer in one word."));
    let tools = json!([{"type": "function", "name": "look_up", "parameters": {"type": "object"}}]);
    extra.insert("tools".to_owned(), tools);
    let question = types::CreateResponseRequest {
        model: "openai-codex/gpt-5.5".to_owned(),
        input: json!([{"role": "user", "content": "Call look_up."}]),
        stream: None,
        extra,
    };
    let response = count(client(&created.token)?.create_response(&question)).await?;
    assert_eq!(response["status"], "completed");
    let output = response["output"].as_array().expect("a list of items");
    let called = output.iter().find(|item| item["type"] == "function_call").expect("a call");
    assert_eq!(called["name"], "look_up");

    let revoked = count(gateway.revoke_token(&created.id)).await?;
    assert_eq!(revoked.status, types::TokenRevocationStatus::Revoked);

    let refused = gateway.revoke_token(&created.id).await.err().ok_or("a token was revoked twice")?;
    assert_eq!(refused.status().map(|status| status.as_u16()), Some(404));
    CALLS.fetch_add(1, Relaxed);

    println!("{}", CALLS.load(Relaxed));
    Ok(())
}
