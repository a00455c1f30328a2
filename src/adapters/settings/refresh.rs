//! The section `refresh`: when tokens are refreshed, and how patiently.

use std::time::Duration;

use super::{SettingsError, sources::Sources};
use crate::domain::refresh::{InvalidPolicy, RefreshPolicy, RevocationScope};

const A_DURATION: &str = "it must be a duration like 20s or 24h, longer than nothing";

#[derive(Debug, Clone)]
pub struct RefreshSettings {
    /// For every provider that says nothing else.
    pub policy: RefreshPolicy,
    /// Whether tokens are refreshed before somebody needs them.
    pub proactive: bool,
}

impl RefreshSettings {
    pub(super) fn read(sources: &Sources) -> Result<Self, SettingsError> {
        let usual = RefreshPolicy::default();
        let time = |name: &str, usual| Ok(duration(sources, &format!("refresh.{name}"))?.unwrap_or(usual));
        let policy = RefreshPolicy {
            http_timeout: time("http_timeout", usual.http_timeout)?,
            lease: time("lease", usual.lease)?,
            lead: time("lead", usual.lead)?,
            serve_margin: time("serve_margin", usual.serve_margin)?,
            backoff_min: time("backoff_min", usual.backoff_min)?,
            backoff_max: time("backoff_max", usual.backoff_max)?,
            ..usual
        };
        let proactive = sources.parsed("refresh.proactive", "it must be true or false", |text| text.parse().ok())?;
        validated(&policy)?;
        Ok(Self { policy, proactive: proactive.unwrap_or(true) })
    }
}

/// Presenting the cookie of a browser session spends nothing, so it may be presented again after a call whose outcome
/// nobody knows.
const GRACE_OF_A_COOKIE: Duration = Duration::from_secs(24 * 60 * 60);

/// The policy of one provider: the common one, and what is declared of its servers.
pub(super) fn of_provider(
    sources: &Sources,
    section: &str,
    common: &RefreshPolicy,
    refreshes_by_cookie: bool,
) -> Result<RefreshPolicy, SettingsError> {
    let scope = |text: &str| match text {
        "family" => Some(RevocationScope::Family),
        "grant" => Some(RevocationScope::Grant),
        _ => None,
    };
    let grace = |text: &str| humantime::parse_duration(text).ok();
    let a_scope = "it must be family or grant";
    Ok(RefreshPolicy {
        grace: sources
            .parsed(&format!("{section}.refresh_grace"), "it must be a duration like 60s, or 0s", grace)?
            .unwrap_or(if refreshes_by_cookie { GRACE_OF_A_COOKIE } else { common.grace }),
        revocation: sources.parsed(&format!("{section}.revocation"), a_scope, scope)?.unwrap_or(common.revocation),
        ..common.clone()
    })
}

fn validated(policy: &RefreshPolicy) -> Result<(), SettingsError> {
    let Err(error) = policy.validate() else { return Ok(()) };
    let (key, value) = match error {
        InvalidPolicy::LeaseTooShort => ("refresh.lease", policy.lease),
        InvalidPolicy::BackoffInverted => ("refresh.backoff_max", policy.backoff_max),
    };
    Err(SettingsError::bad(key, &humantime::format_duration(value).to_string(), error.to_string()))
}

fn duration(sources: &Sources, key: &str) -> Result<Option<Duration>, SettingsError> {
    sources.parsed(key, A_DURATION, |text| humantime::parse_duration(text).ok().filter(|time| !time.is_zero()))
}
