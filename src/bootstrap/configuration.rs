//! `goclaw config`: shows each setting with its origin, and lists the problems of the configuration.

use std::{path::PathBuf, process::ExitCode};

use super::{EXIT_INVALID, StartError, first_start, sentence, serve, stores};
use crate::adapters::{
    cli::{render, words::table},
    settings::{Environment, Settings},
};

/// Prints each setting, without secrets.
pub(super) fn show(file: Option<PathBuf>, environment: &Environment) -> Result<(), StartError> {
    let settings = Settings::explain(file, environment)?;
    let rows = settings.into_iter().map(|setting| [setting.key, setting.value, setting.origin.to_string()]);
    render::table(&table(["SETTING", "VALUE", "FROM"], rows)).map_err(StartError::Output)
}

/// Prints all problems of the configuration. The exit code is [`EXIT_INVALID`] if there are any.
pub(super) fn check(file: Option<PathBuf>, environment: &Environment) -> Result<ExitCode, StartError> {
    let problems = problems(file, environment);
    if problems.is_empty() {
        render::line("The configuration is valid.").map_err(StartError::Output)?;
        return Ok(ExitCode::SUCCESS);
    }
    for problem in &problems {
        render::error(problem);
    }
    Ok(EXIT_INVALID.into())
}

/// Returns the problems that would prevent a start, as far as settings and files show them.
pub(super) fn problems(file: Option<PathBuf>, environment: &Environment) -> Vec<String> {
    let invalid = Settings::problems(file.clone(), environment);
    if !invalid.is_empty() {
        return invalid.into_iter().map(|error| sentence(&error.into())).collect();
    }
    let settings = match Settings::load(file, environment) {
        Ok(settings) => settings,
        Err(error) => return vec![sentence(&error.into())],
    };
    let checks = [
        first_start::check_data_folder(&settings),
        first_start::existing_keys(&settings).map(drop),
        first_start::check_token(&settings),
        stores::check(&settings.database),
        serve::build_outbound(&settings.outbound).map(drop),
    ];
    checks.into_iter().filter_map(Result::err).map(|error| sentence(&error)).collect()
}
