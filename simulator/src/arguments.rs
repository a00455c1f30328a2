//! Parses the program's flags. `--approval` is `ask` by default, because a person usually runs the program.

use goclaw_simulator::{Approval, Options, RedirectPorts, ReusePolicy, Settings, parse_duration};

pub(crate) const USAGE: &str = "\
goclaw-simulator: a simulated provider for tests and the demo

  --port N                 auth origin on 127.0.0.1, 0 = random (default)
  --control-port N         control API on 127.0.0.1, 0 = random (default)
  --backend-port N         backend on 127.0.0.1, 0 = random (default)
  --sessions-port N        session provider on 127.0.0.1, 0 = random (default)
  --studio-port N          music API on 127.0.0.1, 0 = random (default)
  --dashscope-port N       DashScope on 127.0.0.1, 0 = random (default)
  --signing-keys FILE      keep the signing keys in FILE, so that the next start does not generate them again
  --accounts N             number of accounts, 2 by default
  --approval MODE          ask (default), auto, deny, missing-entitlement, never-answer, invalid-session, error=CODE
  --redirect-ports PORTS   any (default) or a list such as 1455,1457
  --code-lifetime D        such as 10m (default)
  --access-lifetime D      such as 7d (default) or 20s
  --refresh-lifetime D     such as 90d (default)
  --reuse POLICY           kill-family (default), refuse-only, grace=10s
  --settings JSON          any other settings, as in POST /settings of the control API
  --exit-with-stdin        stop when stdin closes
  --help                   this text";

pub(crate) struct Arguments {
    pub(crate) options: Options,
    pub(crate) exit_with_stdin: bool,
}

/// The flags are invalid.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArgumentError {
    #[error("unknown flag {0}; --help lists them")]
    Unknown(String),
    #[error("{0} needs a value")]
    Missing(String),
    #[error("{flag} does not take `{value}`")]
    Value { flag: String, value: String },
}

/// Parses the flags. Returns `None` for `--help`.
pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Option<Arguments>, ArgumentError> {
    let settings = Settings { approval: Approval::Ask, ..Settings::default() };
    let mut options = Options { settings, ..Options::default() };
    let mut exit_with_stdin = false;
    while let Some(flag) = words.next() {
        match flag.as_str() {
            "--help" => return Ok(None),
            "--exit-with-stdin" => exit_with_stdin = true,
            _ => {
                let Some(value) = words.next() else { return Err(ArgumentError::Missing(flag)) };
                match set(&mut options, &flag, &value) {
                    Some(true) => {}
                    Some(false) => return Err(ArgumentError::Unknown(flag)),
                    None => return Err(ArgumentError::Value { flag, value }),
                }
            }
        }
    }
    Ok(Some(Arguments { options, exit_with_stdin }))
}

/// Applies a flag. Returns `Some(false)` for an unknown flag and `None` for an invalid value.
fn set(options: &mut Options, flag: &str, value: &str) -> Option<bool> {
    let settings = &mut options.settings;
    match flag {
        "--port" => options.port = value.parse().ok()?,
        "--control-port" => options.control_port = value.parse().ok()?,
        "--backend-port" => options.backend_port = value.parse().ok()?,
        "--sessions-port" => options.sessions_port = value.parse().ok()?,
        "--studio-port" => options.studio_port = value.parse().ok()?,
        "--dashscope-port" => options.dashscope_port = value.parse().ok()?,
        "--signing-keys" => options.signing_keys = Some(value.into()),
        "--accounts" => *settings = settings.clone().with_accounts(value.parse().ok()?),
        "--approval" => settings.approval = approval(value)?,
        "--redirect-ports" => settings.redirect_ports = redirect_ports(value)?,
        "--code-lifetime" => settings.code_lifetime = parse_duration(value).ok()?,
        "--access-lifetime" => settings.access_lifetime = parse_duration(value).ok()?,
        "--refresh-lifetime" => settings.refresh_lifetime = parse_duration(value).ok()?,
        "--reuse" => settings.reuse = reuse(value)?,
        "--settings" => *settings = settings.merged(serde_json::from_str(value).ok()?).ok()?,
        _ => return Some(false),
    }
    Some(true)
}

fn approval(value: &str) -> Option<Approval> {
    Some(match value {
        "ask" => Approval::Ask,
        "auto" => Approval::AutoApprove,
        "deny" => Approval::Deny,
        "missing-entitlement" => Approval::MissingEntitlement,
        "never-answer" => Approval::NeverAnswer,
        "invalid-session" => Approval::InvalidSession,
        other => Approval::ErrorParam { error: other.strip_prefix("error=")?.to_owned() },
    })
}

fn redirect_ports(value: &str) -> Option<RedirectPorts> {
    if value == "any" {
        return Some(RedirectPorts::Any);
    }
    value.split(',').map(|port| port.parse().ok()).collect::<Option<_>>().map(RedirectPorts::Only)
}

fn reuse(value: &str) -> Option<ReusePolicy> {
    Some(match value {
        "kill-family" => ReusePolicy::KillFamily,
        "refuse-only" => ReusePolicy::RefuseOnly,
        other => ReusePolicy::Grace(parse_duration(other.strip_prefix("grace=")?).ok()?),
    })
}
