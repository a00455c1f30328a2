//! `goclaw tokens`: creates, lists and revokes tokens for programs.

use super::{
    args::TokensCommand,
    client::GatewayClient,
    error::{CliError, Exit},
    render,
    words::{TimeFormatter, table},
};
use crate::adapters::contract::{CreateTokenRequest, TokenInfo};

pub async fn run(command: &TokensCommand, client: &GatewayClient, times: &TimeFormatter) -> Result<Exit, CliError> {
    match command {
        TokensCommand::Create { name, scope, output } => {
            let request = CreateTokenRequest { name: name.as_str().into(), scope: Some(*scope) };
            let response = client.create_token(&request).await?;
            let id = &response.body.id;
            // Only the token goes to stdout, so that scripts can read it.
            if let Err(unprinted) = output.print(&response, |created| created.token.clone()) {
                // The token was not shown, so it must not stay valid.
                client.revoke_token(id).await?;
                return Err(unprinted.into());
            }
            if !output.json {
                render::error(&format!("The token is shown only once. Revoke it with: goclaw tokens revoke {id}"));
            }
        }
        TokensCommand::List(output) => {
            let all = client.tokens().await?;
            if output.json {
                render::typed_json(&all)?;
            } else if all.tokens.is_empty() {
                render::line("No tokens. Create one for each program: goclaw tokens create NAME")?;
            } else {
                render::line(&list(&all.tokens, times))?;
            }
        }
        TokensCommand::Revoke { id, output } => {
            let response = client.revoke_token(id).await?;
            output.print(&response, |_| "Revoked. All replicas reject it within a second.".to_owned())?;
        }
    }
    Ok(Exit::Yes)
}

pub fn list(tokens: &[TokenInfo], times: &TimeFormatter) -> String {
    let row = |token: &TokenInfo| {
        [token.id.clone(), token.name.clone(), token.scope.as_str().to_owned(), times.time(token.created_at)]
    };
    table(["ID", "NAME", "SCOPE", "MADE"], tokens.iter().map(row))
}
