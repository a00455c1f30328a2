//! Reads the configuration from a file and from the environment, which overrides the file.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

use config::{Config, ConfigError, File, Map, Value, ValueKind};
use secrecy::SecretString;
use serde::de::DeserializeOwned;

use super::SettingsError;
use crate::domain::api_token;

const PREFIX: &str = "GOCLAW_";

/// Variables that are not settings of the gateway: the path of the configuration file, and the variables of the CLI.
const NOT_SETTINGS: [&str; 3] = ["GOCLAW_CONFIG", "GOCLAW_GATEWAY_URL", "GOCLAW_INSECURE"];

/// Short names of common settings.
const SHORT_NAMES: [(&str, &str); 3] = [
    ("GOCLAW_TOKEN", "GOCLAW_SERVER__TOKEN"),
    ("GOCLAW_HOST", "GOCLAW_SERVER__HOST"),
    ("GOCLAW_PORT", "GOCLAW_SERVER__PORT"),
];

/// The environment variables of the process, read once at the start. A variable that is empty, or that Kubernetes has
/// set for a service, counts as not set.
#[derive(Clone)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    #[expect(clippy::disallowed_methods, reason = "the only place that reads the environment")]
    pub fn of_process() -> Self {
        // Text that is not UTF-8 is kept with replacement characters, so that a setting is refused and not ignored.
        let text = |text: OsString| text.to_string_lossy().into_owned();
        Self::from_pairs(std::env::vars_os().map(|(name, value)| (text(name), text(value))))
    }

    pub fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(pairs.into_iter().filter(|(name, value)| !value.is_empty() && !is_service_link(name, value)).collect())
    }

    /// Returns this environment without the variables `names`.
    #[must_use]
    pub fn without(&self, names: &[&str]) -> Self {
        let kept = self.0.iter().filter(|(name, _)| !names.contains(&name.as_str()));
        Self(kept.map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    /// Returns the names of the variables that begin with `GOCLAW_` or have a token as their value, such as the
    /// `OPENAI_API_KEY` of programs.
    pub fn own_names(&self) -> Vec<String> {
        let is_own = |name: &str, value: &str| name.starts_with(PREFIX) || value.starts_with(api_token::PREFIX);
        self.0.iter().filter(|(name, value)| is_own(name, value)).map(|(name, _)| name.clone()).collect()
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub fn secret(&self, name: &str) -> Option<SecretString> {
        self.text(name).map(SecretString::from)
    }

    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.text(name).map(PathBuf::from)
    }

    /// Returns the variables that are settings, by their long names.
    fn settings(&self) -> Result<Map<String, String>, SettingsError> {
        let mut settings = Map::new();
        for (name, value) in &self.0 {
            if !name.starts_with(PREFIX) || NOT_SETTINGS.contains(&name.as_str()) {
                continue;
            }
            let long = SHORT_NAMES.iter().find(|(short, _)| short == name).map(|(_, long)| *long);
            if let Some(long) = long
                && self.text(long).is_some_and(|other| other != value)
            {
                return Err(SettingsError::Both { one: name.clone(), other: long.to_owned() });
            }
            settings.insert(long.map_or_else(|| hyphenated(name), str::to_owned), value.clone());
        }
        Ok(settings)
    }
}

/// Whether Kubernetes has set the variable, because the namespace has a service called `goclaw` (Kubernetes
/// documentation, "Accessing the Service").
fn is_service_link(name: &str, value: &str) -> bool {
    let is_port_of_service =
        name.strip_prefix("GOCLAW_PORT_").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let is_address = |value: &str| value.starts_with("tcp://") || value.starts_with("udp://");
    is_port_of_service
        || name == "GOCLAW_SERVICE_HOST"
        || name.starts_with("GOCLAW_SERVICE_PORT")
        || (name == "GOCLAW_PORT" && is_address(value))
}

/// Replaces `_` by `-` in the name of a provider, because variable names cannot contain hyphens:
/// `GOCLAW_PROVIDERS__OPENAI_CODEX__ISSUER` becomes `GOCLAW_PROVIDERS__OPENAI-CODEX__ISSUER`.
fn hyphenated(variable: &str) -> String {
    let variable = variable.to_uppercase();
    let section = "GOCLAW_PROVIDERS__";
    let Some(rest) = variable.strip_prefix(section) else { return variable };
    let (provider, member) = rest.find("__").map_or((rest, ""), |end| rest.split_at(end));
    format!("{section}{}{member}", provider.replace('_', "-"))
}

/// Reads `T` from the environment and from the file, if `file` is given.
///
/// # Errors
///
/// The file cannot be read, two variables contradict each other, or `T` does not accept a key or a value.
pub(super) fn read<T: DeserializeOwned>(file: Option<&Path>, environment: &Environment) -> Result<T, SettingsError> {
    let mut layers = Config::builder();
    if let Some(path) = file {
        layers = layers.add_source(read_file(path)?);
    }
    let variables = config::Environment::default().prefix("GOCLAW").prefix_separator("_").separator("__");
    let merged = layers.add_source(variables.source(Some(environment.settings()?))).build();
    let merged = merged.map_err(|error| SettingsError::from_deserializer(String::new(), error))?;
    deserialize_config(merged).map_err(|error| name_variable(error, &configured(file, environment).unwrap_or_default()))
}

/// Adds the variable to an error about an unknown key, if one of the `settings` is a variable with this key.
fn name_variable(error: SettingsError, settings: &[ConfiguredSetting]) -> SettingsError {
    let SettingsError::UnknownKey { key, .. } = &error else { return error };
    let is_below =
        |setting: &&ConfiguredSetting| setting.key() == *key || setting.key().starts_with(&format!("{key}."));
    match settings.iter().find(is_below).and_then(|setting| setting.variable.clone()) {
        Some(variable) => error.with_variable(&variable),
        None => error,
    }
}

fn read_file(path: &Path) -> Result<Config, SettingsError> {
    let mut file = Config::builder().add_source(File::from(path)).build().map_err(|source| unreadable(path, source))?;
    normalize(&mut file.cache);
    Ok(file)
}

/// Returns the error of a file. The library reports a folder, and a file in a folder that this user may not enter, as not
/// found.
fn unreadable(path: &Path, source: ConfigError) -> SettingsError {
    let reason: Option<io::Error> = match fs::metadata(path) {
        Ok(found) if found.is_dir() => Some(io::ErrorKind::IsADirectory.into()),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Some(error),
        Ok(_) | Err(_) => None,
    };
    let source = reason.map_or(source, |reason| ConfigError::Foreign(Box::new(reason)));
    SettingsError::Unreadable { path: path.to_owned(), source }
}

fn deserialize_config<T: DeserializeOwned>(config: Config) -> Result<T, SettingsError> {
    serde_path_to_error::deserialize(config)
        .map_err(|error| SettingsError::from_deserializer(error.path().to_string(), error.into_inner()))
}

/// One setting as it was configured.
pub(super) struct ConfiguredSetting {
    /// The names of the section, of its subsections and of the setting.
    path: Vec<String>,
    value: Value,
    /// The variable that sets it, or `None` if the file does.
    pub(super) variable: Option<String>,
}

impl ConfiguredSetting {
    pub(super) fn key(&self) -> String {
        self.path.join(".")
    }

    /// Returns the value as one line. The items of a list are separated by commas.
    pub(super) fn text(&self) -> String {
        if let ValueKind::Array(items) = &self.value.kind {
            return items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        }
        self.value.to_string()
    }

    /// Reads `T` from this setting alone, so that an error in one setting does not hide errors in others.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, SettingsError> {
        let within = |value: Value, name: &String| {
            Value::new(None, ValueKind::Table([(name.clone(), value)].into_iter().collect()))
        };
        let mut alone = Config::default();
        alone.cache = self.path.iter().rev().fold(self.value.clone(), within);
        deserialize_config(alone).map_err(|error| name_variable(error, std::slice::from_ref(self)))
    }
}

/// Returns the settings in the file and in the environment, which overrides the file.
///
/// # Errors
///
/// The file cannot be read, or two variables contradict each other.
pub(super) fn configured(
    file: Option<&Path>,
    environment: &Environment,
) -> Result<Vec<ConfiguredSetting>, SettingsError> {
    let mut found = Vec::new();
    if let Some(path) = file {
        collect(Vec::new(), read_file(path)?.cache, &mut found);
    }
    for (name, value) in environment.settings()? {
        let path = name.trim_start_matches(PREFIX).to_lowercase().split("__").map(str::to_owned).collect::<Vec<_>>();
        let short = SHORT_NAMES.iter().find(|(short, long)| *long == name && environment.text(short).is_some());
        let variable = Some(short.map_or(name.replace('-', "_"), |(short, _)| (*short).to_owned()));
        found.retain(|setting| setting.path != path);
        found.push(ConfiguredSetting { path, value: value.into(), variable });
    }
    Ok(found)
}

/// Adds all values of a table and of its subtables to `found`.
fn collect(path: Vec<String>, value: Value, found: &mut Vec<ConfiguredSetting>) {
    let ValueKind::Table(members) = value.kind else {
        return found.push(ConfiguredSetting { path, value, variable: None });
    };
    for (name, member) in members {
        collect([path.as_slice(), &[name]].concat(), member, found);
    }
}

/// Removes the nulls of a JSON file, and converts each list of tables to a table with indexes as keys. A variable can
/// then override one member of a table in a list, for example `GOCLAW_AGENTS__0__KEY`.
fn normalize(value: &mut Value) {
    if let ValueKind::Array(items) = &mut value.kind
        && items.iter().any(|item| matches!(item.kind, ValueKind::Table(_)))
    {
        let numbered = std::mem::take(items).into_iter().enumerate();
        value.kind = ValueKind::Table(numbered.map(|(number, item)| (number.to_string(), item)).collect());
    }
    if let ValueKind::Table(members) = &mut value.kind {
        members.retain(|_, member| !matches!(member.kind, ValueKind::Nil));
        members.values_mut().for_each(normalize);
    }
}
