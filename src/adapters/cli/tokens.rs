//! `goclaw tokens`: creates, lists, rotates and revokes tokens for programs.

use super::{
    args::TokensCommand,
    client::GatewayClient,
    error::{CliError, Exit},
    render,
    shell::last_argument,
    words::{TimeFormatter, table},
};
use crate::{
    adapters::contract::{CreateTokenRequest, RotateTokenRequest, TokenInfo},
    domain::scope::Scopes,
};

/// The number of digits of an id in the list. They are enough to name a token in `revoke`.
const SHORT_ID_CHARS: usize = 8;

pub async fn run(command: &TokensCommand, client: &GatewayClient, times: &TimeFormatter) -> Result<Exit, CliError> {
    match command {
        TokensCommand::Create { name, scope, expires_in, output } => {
            let request = CreateTokenRequest {
                name: name.as_str().into(),
                scope: Some(scope.iter().map(Scopes::to_string).collect::<Vec<_>>().join(" ").as_str().into()),
                expires_in: expires_in.map(|lifetime| lifetime.as_secs()),
            };
            let response = client.create_token(&request).await?;
            let id = &response.body.id;
            // Only the token goes to stdout, so that scripts can read it.
            if let Err(unprinted) = output.print_once(&response, |created| created.token.clone()) {
                // The token was not shown, so it must not stay valid.
                client.revoke_token(id).await?;
                return Err(unprinted.into());
            }
            if !output.json {
                let name = last_argument(name);
                render::error(&format!("The token is shown only once. Revoke it with: goclaw tokens revoke {name}"));
            }
        }
        TokensCommand::List(output) => {
            let all = client.tokens().await?;
            if output.json {
                render::list_as_json(&all)?;
            } else if all.tokens.is_empty() {
                render::line("No tokens. Create one for each program: goclaw tokens create NAME")?;
            } else {
                render::table(&tokens_text(&all.tokens, times))?;
            }
        }
        TokensCommand::Rotate { name: Some(name), overlap, output } => {
            let request = RotateTokenRequest { overlap: Some(overlap.as_secs()) };
            let response = client.rotate_token(name, &request).await?;
            let until = times.time(response.body.previous_valid_until);
            if let Err(unprinted) = output.print_once(&response, |rotated| rotated.token.clone()) {
                let name = last_argument(name);
                render::error(&format!(
                    "The new token was not shown. The old one is valid until {until}.\n\
                     Rotate again: goclaw tokens rotate {name}"
                ));
                return Err(unprinted.into());
            }
            if !output.json {
                render::error(&format!("The new token is shown only once. The old one is valid until {until}."));
            }
        }
        // `bootstrap` rotates the gateway token, because that token is in a file.
        TokensCommand::Rotate { name: None, .. } => return Err(CliError::UnnamedToken),
        TokensCommand::Revoke { id, output } => {
            let response = client.revoke_token(id).await?;
            output.print(&response, |_| {
                "Revoked. All replicas reject it within a second, and end what it started.".to_owned()
            })?;
        }
    }
    Ok(Exit::Yes)
}

pub fn tokens_text(tokens: &[TokenInfo], times: &TimeFormatter) -> String {
    let row = |token: &TokenInfo| {
        let time = |at: Option<i64>, none: &str| at.map_or_else(|| none.to_owned(), |at| times.time(at));
        let short_id = token.id.chars().take(SHORT_ID_CHARS).collect();
        let (expires, used) = (time(token.expires_at, "never"), time(token.last_used_at, "never"));
        [short_id, token.name.clone(), token.scope.clone(), times.time(token.created_at), expires, used]
    };
    table(["ID", "NAME", "SCOPE", "CREATED", "EXPIRES", "LAST USED"], tokens.iter().map(row))
}
