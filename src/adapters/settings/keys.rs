//! The names of all settings, and whether a name is one of them. `*` stands for any one name.

use super::SettingsError;

/// The README's table of settings lists the same; a test compares the two.
pub(super) const KEYS: [&str; 46] = [
    "agent.key",
    "agent.provider",
    "agents.*.key",
    "agents.*.provider",
    "callback.bind",
    "callback.port",
    "callback.timeout",
    "data_dir",
    "database.url",
    "default_provider",
    "encryption.key",
    "encryption.key_file",
    "providers.*.api_base",
    "providers.*.authorize_url",
    "providers.*.client_id",
    "providers.*.client_version",
    "providers.*.enabled",
    "providers.*.extra_authorize_params.*",
    "providers.*.issuer",
    "providers.*.models",
    "providers.*.originator",
    "providers.*.proxy_paths",
    "providers.*.redirect_host",
    "providers.*.refresh_grace",
    "providers.*.requires_iss",
    "providers.*.revocation",
    "providers.*.revoke_url",
    "providers.*.scopes",
    "providers.*.session_url",
    "providers.*.token_url",
    "providers.*.type",
    "providers.*.user_agent",
    "refresh.backoff_max",
    "refresh.backoff_min",
    "refresh.http_timeout",
    "refresh.lead",
    "refresh.lease",
    "refresh.proactive",
    "refresh.serve_margin",
    "server.allowed_hosts",
    "server.host",
    "server.port",
    "server.token",
    "server.token_file",
    "webhook.secret",
    "webhook.url",
];

/// Refuses a name that is no setting, and says what there is instead.
pub(super) fn check(key: &str) -> Result<(), SettingsError> {
    let names: Vec<&str> = key.split('.').collect();
    if KEYS.iter().any(|pattern| fits(pattern, &names)) {
        return Ok(());
    }
    // The deepest level that exists is where the mistake is.
    let depth = (0..names.len()).rev().find(|depth| known_below(&names, *depth).next().is_some()).unwrap_or(0);
    let mut known: Vec<&str> = known_below(&names, depth).collect();
    known.dedup();
    Err(SettingsError::UnknownKey { key: key.to_owned(), known: known.join(", ") })
}

fn fits(pattern: &str, names: &[&str]) -> bool {
    let pattern: Vec<&str> = pattern.split('.').collect();
    pattern.len() == names.len() && starts_alike(&pattern, names)
}

fn starts_alike(pattern: &[&str], names: &[&str]) -> bool {
    pattern.iter().zip(names).all(|(wanted, name)| *wanted == "*" || wanted == name)
}

/// What may come after the first `depth` of `names`.
fn known_below<'a>(names: &'a [&'a str], depth: usize) -> impl Iterator<Item = &'static str> + 'a {
    KEYS.iter().filter_map(move |pattern| {
        let pattern: Vec<&'static str> = pattern.split('.').collect();
        let alike = pattern.len() > depth && starts_alike(pattern.get(..depth)?, names);
        if alike { pattern.get(depth).map(|name| if *name == "*" { "(a name)" } else { *name }) } else { None }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_names_pass_and_others_are_answered_with_what_there_is() {
        for key in ["server.port", "providers.openai-codex.issuer", "providers.x.extra_authorize_params.prompt"] {
            assert!(check(key).is_ok(), "{key}");
        }
        let refusal = |key| check(key).unwrap_err().to_string();
        assert_eq!(
            refusal("server.prot"),
            "unknown setting server.prot; known there: allowed_hosts, host, port, token, token_file"
        );
        assert_eq!(
            refusal("server.port.x"),
            "unknown setting server.port.x; known there: allowed_hosts, host, port, token, token_file"
        );
        assert!(
            refusal("foo")
                .contains("agent, agents, callback, data_dir, database, default_provider, encryption, providers")
        );
        assert!(refusal("providers.x.secret").contains("api_base, authorize_url"));
    }

    #[test]
    fn the_readme_s_table_lists_exactly_these() {
        let readme = include_str!("../../../README.md");
        let table = readme.split("## Settings").nth(1).and_then(|rest| rest.split("\n## ").next()).unwrap();
        let mut listed: Vec<&str> =
            table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
        listed.sort_unstable();
        assert_eq!(listed, KEYS);
    }
}
