//! The layers of the configuration, read into one flat table from dotted name to text.

use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
};

use config::{Config, File, Value, ValueKind};
use secrecy::SecretString;

use super::{SettingsError, keys};

const PREFIX: &str = "GOCLAW_";

/// Variables that are no settings of the gateway: they tell where its settings are, or speak to the CLI.
const NOT_SETTINGS: [&str; 2] = ["GOCLAW_CONFIG", "GOCLAW_GATEWAY_URL"];

/// The seed's variables, short for settings.
const SHORT_NAMES: [(&str, &str); 3] =
    [("GOCLAW_TOKEN", "server.token"), ("GOCLAW_HOST", "server.host"), ("GOCLAW_PORT", "server.port")];

/// The process's environment variables, read once at the start. Empty ones count as not set.
pub struct Environment(HashMap<String, String>);

impl Environment {
    #[expect(clippy::disallowed_methods, reason = "this is where the environment is read, for everybody")]
    pub fn of_process() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self::from_pairs(std::env::vars_os().filter_map(text))
    }

    pub fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(pairs.into_iter().filter(|(_, value)| !value.is_empty()).collect())
    }

    /// The environment as it would be without some variables.
    #[must_use]
    pub fn without(&self, names: &[&str]) -> Self {
        let kept = self.0.iter().filter(|(name, _)| !names.contains(&name.as_str()));
        Self(kept.map(|(name, value)| (name.clone(), value.clone())).collect())
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
}

/// All settings that somebody set.
pub(super) struct Sources(BTreeMap<String, Setting>);

enum Setting {
    Text(String),
    List(Vec<String>),
}

impl Sources {
    pub(super) fn read(file: Option<PathBuf>, environment: &Environment) -> Result<Self, SettingsError> {
        let mut settings = BTreeMap::new();
        if let Some(path) = file {
            let unreadable = |source| SettingsError::Unreadable { path: path.clone(), source };
            let config = Config::builder().add_source(File::from(path.as_path())).build().map_err(unreadable)?;
            flatten(String::new(), config.cache, &mut settings)?;
        }
        for (short, key) in SHORT_NAMES {
            let long = format!("{PREFIX}{}", key.to_uppercase().replace('.', "__"));
            let (short_value, long_value) = (environment.text(short), environment.text(&long));
            if short_value.is_some() && long_value.is_some() && short_value != long_value {
                return Err(SettingsError::Both { one: short.to_owned(), other: long });
            }
            if let Some(value) = short_value {
                settings.insert(key.to_owned(), Setting::Text(value.to_owned()));
            }
        }
        let is_short = |name: &str| SHORT_NAMES.iter().any(|(short, _)| *short == name);
        for (name, value) in &environment.0 {
            let Some(rest) = name.strip_prefix(PREFIX) else { continue };
            if !NOT_SETTINGS.contains(&name.as_str()) && !is_short(name) {
                settings.insert(key_of_variable(rest), Setting::Text(value.clone()));
            }
        }
        settings.keys().try_for_each(|key| keys::check(key))?;
        Ok(Self(settings))
    }

    pub(super) fn text(&self, key: &str) -> Option<&str> {
        match self.0.get(key) {
            Some(Setting::Text(text)) => Some(text),
            Some(Setting::List(_)) | None => None,
        }
    }

    pub(super) fn secret(&self, key: &str) -> Option<SecretString> {
        self.text(key).map(SecretString::from)
    }

    /// A list; in a variable its items are separated by commas.
    pub(super) fn list(&self, key: &str) -> Option<Vec<String>> {
        match self.0.get(key)? {
            Setting::List(items) => Some(items.clone()),
            Setting::Text(text) => {
                Some(text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect())
            }
        }
    }

    /// The value of `key` as `parse` reads it; `allowed` completes "bad setting server.port = "x": ...".
    pub(super) fn parsed<T>(
        &self,
        key: &str,
        allowed: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, SettingsError> {
        let value = self.text(key);
        value.map(|text| parse(text).ok_or_else(|| SettingsError::bad(key, text, allowed))).transpose()
    }

    /// The names or numbers directly below `section`, each once.
    pub(super) fn names_below(&self, section: &str) -> Vec<String> {
        let names = self.0.keys().filter_map(|key| key.strip_prefix(section)?.strip_prefix('.')?.split('.').next());
        let mut names: Vec<String> = names.map(str::to_owned).collect();
        names.dedup();
        names
    }

    /// What is set directly below `prefix`, by name.
    pub(super) fn below<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0.iter().filter_map(move |(key, value)| match value {
            Setting::Text(text) => Some((key.strip_prefix(prefix)?, text.as_str())),
            Setting::List(_) => None,
        })
    }
}

/// `PROVIDERS__OPENAI_CODEX__ISSUER` is `providers.openai-codex.issuer`: a variable's name cannot hold a hyphen.
fn key_of_variable(rest: &str) -> String {
    let lower = rest.to_lowercase();
    let mut names: Vec<String> = lower.split("__").map(str::to_owned).collect();
    if let [section, provider, ..] = names.as_mut_slice()
        && section == "providers"
    {
        *provider = provider.replace('_', "-");
    }
    names.join(".")
}

fn flatten(name: String, value: Value, into: &mut BTreeMap<String, Setting>) -> Result<(), SettingsError> {
    let setting = match value.kind {
        ValueKind::Table(members) => {
            let dotted = |member: &str| if name.is_empty() { member.to_owned() } else { format!("{name}.{member}") };
            return members.into_iter().try_for_each(|(member, value)| flatten(dotted(&member), value, into));
        }
        ValueKind::Nil => return Ok(()),
        // Tables in a list are told apart by their number.
        ValueKind::Array(items) if items.iter().any(|item| matches!(item.kind, ValueKind::Table(_))) => {
            let mut numbered = items.into_iter().enumerate();
            return numbered.try_for_each(|(number, item)| flatten(format!("{name}.{number}"), item, into));
        }
        ValueKind::Array(items) => {
            let items: Result<_, _> = items.into_iter().map(Value::into_string).collect();
            Setting::List(items.map_err(|_| SettingsError::bad_secret(&name, "a list may hold texts only"))?)
        }
        scalar @ (ValueKind::Boolean(_)
        | ValueKind::I64(_)
        | ValueKind::I128(_)
        | ValueKind::U64(_)
        | ValueKind::U128(_)
        | ValueKind::Float(_)
        | ValueKind::String(_)) => Setting::Text(scalar.to_string()),
    };
    into.insert(name, setting);
    Ok(())
}
