//! Rows of the tables and the domain values they stand for. A row that makes no sense is an error, never a default.

mod accounts;
mod api_tokens;
mod events;
mod logins;
mod revocations;

pub(super) use accounts::{ProviderRow, SecretRow};
pub(super) use api_tokens::ApiTokenRow;
pub(super) use events::{EventRow, NewEventRow};
pub(super) use logins::LoginRow;
pub(super) use revocations::RevocationRow;

use super::json_text::Document;
use crate::{domain::oauth_client::OAuthClient, ports::StoreError};

/// Says which value of which row is impossible.
fn impossible(table: &'static str, column: &'static str, row: &str) -> StoreError {
    StoreError::Inconsistent { table, column, row: row.to_owned(), source: None }
}

fn client_document(table: &'static str, row: &str, client: &OAuthClient) -> Result<Document, StoreError> {
    let text = serde_json::to_string(client).map_err(|error| unreadable_client(table, row, error))?;
    Ok(text.into())
}

fn client_of(table: &'static str, row: &str, document: &Document) -> Result<OAuthClient, StoreError> {
    serde_json::from_str(document.as_str()).map_err(|error| unreadable_client(table, row, error))
}

fn unreadable_client(table: &'static str, row: &str, error: serde_json::Error) -> StoreError {
    StoreError::Inconsistent { table, column: "client", row: row.to_owned(), source: Some(Box::new(error)) }
}
