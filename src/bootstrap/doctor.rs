//! `goclaw doctor`: checks what the gateway needs on this machine. Each finding says what was found and, for a problem,
//! what to do. If the configuration is invalid, nothing else is checked. If the database fails, its key is not checked.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use futures_util::future::join_all;
use tokio::{net::TcpListener, time::timeout};
use url::Url;

use super::{StartError, configuration, connection::to_gateway_of, first_start, keys, sentence, serve, stores::Stores};
use crate::{
    adapters::{
        callback::LoopbackListener,
        cli::{
            client::GatewayClient,
            error::{CERTIFICATE_ADVICE, Cause, CliError},
            render,
        },
        data_folder::write_failure,
        diagnosis::{holder_of, probe},
        outbound::{Outbound, ProxyIndex},
        serving::ServerCertificate,
        settings::{DatabaseSettings, Environment, OutboundSettings, Settings},
        system::{SystemClock, raise_open_files},
    },
    app::Adoption,
    domain::ids::AccountName,
    ports::{BindError, CallbackListener, Clock},
};

/// Recommended minimum of open files, for about 500 requests. Each may need a second connection, to its provider.
const MIN_FILES: usize = 1_024;
/// Maximum clock skew. With more, the gateway misjudges the expiry of tokens and sessions.
const MAX_SKEW: Duration = Duration::from_secs(60);

/// Minimum number of days that a certificate should still be valid. Automatic renewal happens a month before expiry.
const MIN_DAYS: i64 = 14;

/// Timeout of the health check. A program that is not a gateway may accept the connection and never respond.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(5);

/// The result of one check.
struct Finding {
    subject: String,
    found: String,
    /// What to do about a problem; None if there is none.
    remedy: Option<String>,
}

impl Finding {
    fn fine(subject: impl Into<String>, found: impl Into<String>) -> Self {
        Self { subject: subject.into(), found: found.into(), remedy: None }
    }

    fn problem(subject: impl Into<String>, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { subject: subject.into(), found: found.into(), remedy: Some(remedy.into()) }
    }

    fn text(&self) -> String {
        let Self { subject, found, remedy } = self;
        match remedy {
            None => format!("ok       {subject}: {found}"),
            Some(remedy) => format!("PROBLEM  {subject}: {found}\n         {remedy}"),
        }
    }
}

/// Prints the findings. The exit code is 1 if one is a problem.
pub(super) async fn examine(file: Option<PathBuf>, environment: &Environment) -> Result<ExitCode, StartError> {
    let invalid = configuration::problems(file.clone(), environment);
    let findings = if invalid.is_empty() {
        check_all(&Settings::load(file, environment)?).await
    } else {
        let remedy = "Correct it; goclaw config show prints where each value comes from. Nothing else was checked.";
        invalid.into_iter().map(|problem| Finding::problem("configuration", problem, remedy)).collect()
    };
    for finding in &findings {
        let print = if finding.remedy.is_none() { render::line } else { render::trouble };
        print(&finding.text()).map_err(StartError::Output)?;
    }
    let is_healthy = findings.iter().all(|finding| finding.remedy.is_none());
    Ok(if is_healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn check_all(settings: &Settings) -> Vec<Finding> {
    let mut findings = vec![Finding::fine("configuration", "valid"), check_api_port(settings).await];
    findings.extend(settings.server.tls_files().map(check_certificate));
    findings.push(check_callback_port(settings).await);
    findings.push(check_open_files());
    findings.extend(check_data_folder(settings));
    findings.extend(check_database_and_key(settings).await);
    findings.extend(list_proxies(&settings.outbound));
    findings.extend(check_providers(settings).await);
    findings
}

async fn check_api_port(settings: &Settings) -> Finding {
    let (host, port) = (settings.server.host, settings.server.port);
    let subject = format!("API port {port}");
    let Err(error) = TcpListener::bind(SocketAddr::new(host, port)).await else {
        return Finding::fine(subject, "free; no gateway runs here");
    };
    if error.kind() != io::ErrorKind::AddrInUse {
        let remedy = "Choose another address or port: server.host, server.port.";
        return Finding::problem(subject, format!("cannot listen on {host}: {error}"), remedy);
    }
    let gateway = to_gateway_of(settings, &port.to_string());
    let health = async { GatewayClient::new(&gateway)?.health().await };
    match timeout(HEALTH_TIMEOUT, health).await {
        Ok(Ok(_)) => return Finding::fine(subject, "a gateway responds there"),
        Ok(Err(CliError::Unreachable { source: cause @ Cause::Certificate(_), .. })) => {
            return Finding::problem(subject, cause.to_string(), CERTIFICATE_ADVICE);
        }
        Ok(Err(_)) | Err(_) => {}
    }
    let remedy =
        format!("Stop that program, or choose another port: server.port (GOCLAW_PORT={})", port.wrapping_add(1));
    Finding::problem(subject, format!("taken on {host}{}", held_by(port)), remedy)
}

fn check_certificate((certificate, key): (&Path, &Path)) -> Finding {
    match ServerCertificate::read(certificate, key) {
        Ok(read) => {
            let days = (read.ends_at() - SystemClock.now().unix_seconds()).div_euclid(24 * 60 * 60);
            if days >= MIN_DAYS {
                return Finding::fine("certificate", format!("it matches its key; days left: {days}"));
            }
            let found =
                if days < 0 { "it has expired".to_owned() } else { format!("it expires soon; days left: {days}") };
            Finding::problem("certificate", found, "Renew it; a running gateway uses the new one within seconds.")
        }
        Err(error) => {
            let remedy =
                "Put the chain into server.tls_certificate_file and its key into server.tls_key_file, both in PEM.";
            Finding::problem("certificate", sentence(&error.into()), remedy)
        }
    }
}

async fn check_callback_port(settings: &Settings) -> Finding {
    let port = settings.callback.port;
    let subject = format!("callback port {port}");
    let problem = match LoopbackListener.bind(&settings.callback.address()).await {
        Ok(bound) => {
            bound.close().await;
            return Finding::fine(subject, "free for the next login");
        }
        Err(BindError::InUse { held }) => format!("{held} is taken{}", held_by(port)),
        Err(error @ BindError::Failed { .. }) => error.to_string(),
    };
    let remedy = "If it is this gateway, a login is pending. Else stop that program before you sign in, or paste the address \
                  of the browser's last page into goclaw auth login.";
    Finding::problem(subject, problem, remedy)
}

fn held_by(port: u16) -> String {
    holder_of(port).map(|holder| format!(", by {holder}")).unwrap_or_default()
}

fn check_open_files() -> Finding {
    let files = raise_open_files();
    if files >= MIN_FILES {
        return Finding::fine("open files", format!("at most {files}"));
    }
    let remedy = format!("Raise the limit to {MIN_FILES} or more: LimitNOFILE in the unit, or ulimit -n.");
    Finding::problem("open files", format!("at most {files}"), remedy)
}

/// Returns a finding only if the gateway cannot write its files.
fn check_data_folder(settings: &Settings) -> Option<Finding> {
    let (folder, error) = write_failure(&settings.data_dir)?;
    let remedy = "The gateway's user needs a folder that it can write to, with free space: data_dir.";
    Some(Finding::problem("data folder", format!("cannot write to {}: {error}", folder.display()), remedy))
}

/// Checks the database and its encryption key. Does not create a missing SQLite file, unlike the first start.
async fn check_database_and_key(settings: &Settings) -> Vec<Finding> {
    if let DatabaseSettings::Sqlite(path) = &settings.database
        && !path.exists()
    {
        return vec![Finding::fine("database", format!("{} is created at the first start", path.display()))];
    }
    let stores = match Stores::open_now(&settings.database).await {
        Ok(stores) => stores,
        Err(error) => {
            let remedy = "Check the address in database.url, the server, its user and password, and the disk.";
            return vec![Finding::problem("database", sentence(&error), remedy)];
        }
    };
    vec![
        Finding::fine("database", format!("{} can be read and is up to date", stores.name)),
        check_key(settings, &stores).await,
    ]
}

async fn check_key(settings: &Settings, stores: &Stores) -> Finding {
    let subject = "encryption key";
    match (first_start::existing_keys(settings), stores.has_sealed_values().await) {
        (Ok(None), Ok(false)) => return Finding::fine(subject, "is generated at the first start"),
        (Ok(None), Ok(true)) => {
            let path = settings.key_file();
            let remedy =
                format!("Put the backup of the key back to {}, or sign in again with a new database.", path.display());
            return Finding::problem(subject, "missing, and the database has secrets that only it opens", remedy);
        }
        (Ok(Some(_)), _) | (Err(_), _) | (Ok(None), Err(_)) => {}
    }
    let checked = async { keys::open(settings).await?.check(Adoption::No).await.map_err(StartError::from) };
    match checked.await {
        Ok(_) => Finding::fine(subject, "opens the database"),
        Err(error) => Finding::problem(subject, sentence(&error), "See docs/keys.md."),
    }
}

fn list_proxies(settings: &OutboundSettings) -> Vec<Finding> {
    let from = settings.proxy_variable.unwrap_or("outbound.proxy");
    let common = settings.proxy.iter().map(|proxy| Finding::fine("outbound proxy", format!("{proxy} ({from})")));
    let own = settings
        .accounts
        .iter()
        .map(|(account, choice)| Finding::fine(format!("outbound proxy of {account}"), choice.to_string()));
    common.chain(own).collect()
}

/// Probes each server that an enabled account uses.
async fn check_providers(settings: &Settings) -> Vec<Finding> {
    let outbound = match serve::build_outbound(&settings.outbound) {
        Ok(outbound) => outbound,
        Err(error) => {
            let remedy = "Correct tls.ca_file, or install the package ca-certificates.";
            return vec![Finding::problem("certificate authorities", sentence(&error), remedy)];
        }
    };
    let mut servers: BTreeMap<(String, ProxyIndex), (Url, Vec<&AccountName>)> = BTreeMap::new();
    for account in settings.providers.iter().filter(|account| account.enabled) {
        let oauth = account.oauth.iter().map(|oauth| oauth.token_url.as_str());
        let sessions = account.sessions.iter().map(|sessions| sessions.url.as_str());
        for url in oauth.chain(sessions).chain([account.api_base.as_str()]).filter_map(|url| Url::parse(url).ok()) {
            let origin = url.origin().ascii_serialization();
            let index = outbound.proxies().index_for_text(url.as_str(), Some(&account.name));
            let (_, names) = servers.entry((origin, index)).or_insert_with(|| (url, Vec::new()));
            if !names.contains(&&account.name) {
                names.push(&account.name);
            }
        }
    }
    let servers = servers.iter().filter_map(|((origin, index), (url, names))| {
        let accounts = names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
        let through = outbound.proxies().proxy(*index).map(|proxy| format!(", through {}", proxy.address()));
        let subject = format!("{origin} (for {accounts}{})", through.unwrap_or_default());
        Some(check_server(&outbound, subject, url, names.first()?))
    });
    join_all(servers).await
}

async fn check_server(outbound: &Outbound, subject: String, url: &Url, account: &AccountName) -> Finding {
    let server = match probe(outbound, account, url).await {
        Ok(server) => server,
        Err(error) => {
            let remedy = "If you do not use this account, disable it: providers.NAME.enabled = false.";
            return Finding::problem(subject, error.to_string(), remedy);
        }
    };
    let now = SystemClock.now();
    let Some(time) = server.time else { return Finding::fine(subject, "can be reached; it reported no time") };
    let skew = now.until(time).max(time.until(now));
    if skew <= MAX_SKEW {
        return Finding::fine(subject, "can be reached, and agrees on the time");
    }
    let side = if now > time { "ahead of" } else { "behind" };
    let found = format!("can be reached, but this machine's clock is {} s {side} it", skew.as_secs());
    Finding::problem(subject, found, "Set the clock, and turn on time synchronisation: timedatectl set-ntp true")
}
