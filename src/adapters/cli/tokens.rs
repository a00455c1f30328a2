//! `goclaw tokens`: creates, lists and revokes tokens for programs.

use super::{
    args::TokensCommand,
    client::GatewayClient,
    error::{CliError, Exit},
    render,
    words::{HereAndNow, table},
};
use crate::{
    adapters::contract::{CreateTokenRequest, TokenInfo},
    domain::time::Timestamp,
};

pub(super) async fn run(command: &TokensCommand, client: &GatewayClient, now: Timestamp) -> Result<Exit, CliError> {
    match command {
        TokensCommand::Create(options) => {
            let request = CreateTokenRequest { name: options.name.as_str().into(), scope: Some(options.scope) };
            let answer = client.create_token(&request).await?;
            let id = &answer.body.id;
            // Only the token goes to stdout, so that scripts can read it.
            let shown = match options.output.json {
                true => render::json(&answer.raw),
                false => render::line(&answer.body.token),
            };
            if let Err(unprinted) = shown {
                // The token was not shown, so it must not stay valid.
                client.revoke_token(id).await?;
                return Err(unprinted.into());
            }
            if !options.output.json {
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
                render::line(&list(&all.tokens, &HereAndNow::local(now)))?;
            }
        }
        TokensCommand::Revoke(options) => {
            let answer = client.revoke_token(&options.id).await?;
            if options.output.json {
                render::json(&answer.raw)?;
            } else {
                render::line("Revoked. All replicas reject it within a second.")?;
            }
        }
    }
    Ok(Exit::Yes)
}

fn list(tokens: &[TokenInfo], here: &HereAndNow) -> String {
    let row = |token: &TokenInfo| {
        [token.id.clone(), token.name.clone(), token.scope.as_str().to_owned(), here.time(token.created_at)]
    };
    table(["ID", "NAME", "SCOPE", "MADE"], tokens.iter().map(row))
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use jiff::tz::TimeZone;

    use super::*;
    use crate::adapters::contract::TokenScope;

    #[test]
    fn the_list_is_aligned() {
        let token = |id: &str, name: &str| TokenInfo {
            id: id.to_owned(),
            name: name.to_owned(),
            scope: TokenScope::Proxy,
            created_at: 0,
        };
        let here = HereAndNow { now: Timestamp::from_unix_seconds(0), zone: TimeZone::UTC };
        assert_snapshot!(list(&[token("ab", "editor"), token("c", "x")], &here), @r"
        ID  NAME    SCOPE  MADE
        ab  editor  proxy  1970-01-01 00:00
        c   x       proxy  1970-01-01 00:00
        ");
    }
}
