//! `goclaw migrate` and `goclaw openapi`, which need no running gateway.

use super::{StartError, first_start, stores::Stores};
use crate::adapters::{cli::render, http, secret_file::create_private_folder, settings::Settings};

/// Migrates the database to this version's schema.
pub(super) async fn migrate(settings: &Settings) -> Result<(), StartError> {
    first_start::check_data_folder(settings)?;
    create_private_folder(&settings.data_dir)?;
    let stores = Stores::open(&settings.database).await?;
    render::line(&format!("The database {} is up to date.", stores.name)).map_err(StartError::Output)
}

pub(super) fn print_openapi() -> Result<(), StartError> {
    render::line(http::openapi_document().trim_end()).map_err(StartError::Output)
}
