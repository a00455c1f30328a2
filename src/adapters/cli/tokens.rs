//! `goclaw tokens`: tokens for programs, so that none of them needs the gateway's own.

use super::{
    api::Token,
    args::TokensCommand,
    client::GatewayClient,
    error::{CliError, Exit},
    render,
    words::{HereAndNow, table},
};
use crate::domain::time::Timestamp;

pub(super) async fn run(command: &TokensCommand, client: &GatewayClient, now: Timestamp) -> Result<Exit, CliError> {
    match command {
        TokensCommand::Create(options) => {
            let answer = client.create_token(&options.name, &options.scope).await?;
            let id = &answer.body.id;
            // Alone on stdout, so that a script can take it.
            let shown = match options.output.json {
                true => render::json(&answer.raw),
                false => render::line(&answer.body.token),
            };
            if let Err(unseen) = shown {
                // What nobody saw is good for nobody.
                client.revoke_token(id).await?;
                return Err(unseen.into());
            }
            if !options.output.json {
                render::error(&format!("This is the only time it is shown. Take it back: goclaw tokens revoke {id}"));
            }
        }
        TokensCommand::List(output) => {
            let answer = client.tokens().await?;
            if output.json {
                render::json(&answer.raw)?;
            } else if answer.body.tokens.is_empty() {
                render::line("No tokens. Make one for each program: goclaw tokens create NAME")?;
            } else {
                render::line(&list(&answer.body.tokens, &HereAndNow::local(now)))?;
            }
        }
        TokensCommand::Revoke(options) => {
            let answer = client.revoke_token(&options.id).await?;
            if options.output.json {
                render::json(&answer.raw)?;
            } else {
                render::line("Revoked. Every gateway refuses it within a second.")?;
            }
        }
    }
    Ok(Exit::Yes)
}

fn list(tokens: &[Token], here: &HereAndNow) -> String {
    let row = |token: &Token| [token.id.clone(), token.name.clone(), token.scope.clone(), here.time(token.created_at)];
    table(["ID", "NAME", "SCOPE", "MADE"], tokens.iter().map(row))
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    #[test]
    fn the_list_lines_up() {
        let token = |id: &str, name: &str| Token {
            id: id.to_owned(),
            name: name.to_owned(),
            scope: "proxy".to_owned(),
            created_at: 0,
        };
        let here = HereAndNow { now: Timestamp::from_unix_seconds(0), zone: TimeZone::UTC };
        assert_eq!(
            list(&[token("ab", "editor"), token("c", "x")], &here),
            "ID  NAME    SCOPE  MADE\nab  editor  proxy  1970-01-01 00:00\nc   x       proxy  1970-01-01 00:00"
        );
    }
}
