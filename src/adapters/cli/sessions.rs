//! `goclaw sessions`: lists and ends the sessions of the page and the links to it.

use super::{
    args::SessionsCommand,
    client::GatewayClient,
    error::{CliError, Exit},
    words::{TimeFormatter, table},
};
use crate::adapters::contract::{SessionInfo, SessionKind};

pub async fn run(command: &SessionsCommand, client: &GatewayClient, times: &TimeFormatter) -> Result<Exit, CliError> {
    match command {
        SessionsCommand::List(output) => {
            let response = client.sessions().await?;
            output.print(&response, |list| match list.sessions.as_slice() {
                [] => "Nobody is signed in on the page.".to_owned(),
                sessions => sessions_text(sessions, times),
            })?;
        }
        SessionsCommand::End { id: Some(id), output, .. } => {
            let response = client.end_session(id).await?;
            output.print(&response, |_| "Ended, with everything that was opened with its links.".to_owned())?;
        }
        SessionsCommand::End { id: None, tokens, output, .. } => {
            let response = client.end_all_sessions(*tokens).await?;
            output.print(&response, |done| format!("Ended: {}.", done.ended))?;
        }
    }
    Ok(Exit::Yes)
}

fn sessions_text(sessions: &[SessionInfo], times: &TimeFormatter) -> String {
    let row = |session: &SessionInfo| {
        let kind = match session.kind {
            SessionKind::Session => "session",
            SessionKind::Link => "link",
        };
        let parent = session.parent.clone().unwrap_or_else(|| "gateway token".to_owned());
        [session.id.clone(), kind.to_owned(), parent, times.time(session.created_at), times.time(session.expires_at)]
    };
    table(["ID", "KIND", "OPENED BY", "CREATED", "EXPIRES"], sessions.iter().map(row))
}
