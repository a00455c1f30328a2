//! Commands that need no running gateway.

use super::StartError;
use crate::adapters::{cli::render, http, secret_file::create_private_folder, settings::Settings, store::SqliteStore};

/// Brings the database to this version's schema.
pub(super) async fn migrate(settings: &Settings) -> Result<(), StartError> {
    create_private_folder(&settings.data_dir)?;
    SqliteStore::open(&settings.database.path).await?;
    let up_to_date = format!("The database {} is up to date.", settings.database.path.display());
    render::line(&up_to_date).map_err(StartError::Output)
}

/// Prints the HTTP API's contract.
pub(super) fn print_openapi() -> Result<(), StartError> {
    render::line(http::openapi_document().trim_end()).map_err(StartError::Output)
}
