//! Starts the contestants of the comparison: the upstream itself and the proxies, each configured as in practice.

use std::{fs, path::Path, process::Command, sync::Arc};

use serde_json::Value;
use url::Url;

use crate::{
    Outcome, UPSTREAM_AUTHORIZATION,
    load::PROMPT_PATH,
    process::{Process, ask, free_port},
};

/// A server that returns the upstream's responses.
pub(crate) struct Contestant {
    pub(crate) name: &'static str,
    pub(crate) process: Arc<Process>,
    /// The `Authorization` header of its callers.
    pub(crate) authorization: String,
    paths: Paths,
}

enum Paths {
    /// The same as the upstream's.
    Plain,
    /// Below goclaw's `/v1/proxy`.
    Proxy,
    /// OpenAI's API, for prompts only.
    OpenAi,
}

/// The names, in the order of the tables.
pub(crate) const DIRECT: &str = "direct";
pub(crate) const NGINX: &str = "nginx";
pub(crate) const HYPER: &str = "bare hyper";
pub(crate) const GOCLAW: &str = "goclaw /v1/proxy";
pub(crate) const RESPONSES: &str = "goclaw /v1/responses";
pub(crate) const LITELLM: &str = "LiteLLM";

impl Contestant {
    fn new(name: &'static str, process: Process, authorization: &str, paths: Paths) -> Self {
        Self { name, process: Arc::new(process), authorization: authorization.to_owned(), paths }
    }

    /// Returns the contestant's path for a path of the upstream; None if it does not serve that path.
    pub(crate) fn path(&self, upstream: &str) -> Option<String> {
        match self.paths {
            Paths::Plain => Some(upstream.to_owned()),
            Paths::Proxy if upstream == PROMPT_PATH => Some(format!("/v1/proxy/openai{upstream}")),
            Paths::Proxy => Some(format!("/v1/proxy/dashscope{upstream}")),
            Paths::OpenAi => (upstream == PROMPT_PATH).then(|| "/v1/responses".to_owned()),
        }
    }
}

/// Starts all contestants, with their files in `folder`.
pub(crate) fn start(goclaw: &str, litellm: &str, folder: &Path) -> Outcome<Vec<Contestant>> {
    let direct = start_upstream()?;
    let upstream = direct.process.port;
    let (nginx, hyper, gateway) =
        (start_nginx(folder, upstream)?, start_hyper(upstream)?, start_gateway(goclaw, folder, upstream)?);
    let (process, authorization) = (Arc::clone(&gateway.process), gateway.authorization.clone());
    let responses = Contestant { name: RESPONSES, process, authorization, paths: Paths::OpenAi };
    Ok(vec![direct, nginx, hyper, gateway, responses, start_litellm(litellm, folder, upstream)?])
}

fn start_upstream() -> Outcome<Contestant> {
    let port = free_port()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["upstream", &port.to_string()]);
    Ok(Contestant::new(DIRECT, Process::start(command, port, "/")?, UPSTREAM_AUTHORIZATION, Paths::Plain))
}

/// Starts nginx, the practical baseline: it buffers no responses, and no number of requests closes a connection.
fn start_nginx(folder: &Path, upstream: u16) -> Outcome<Contestant> {
    let port = free_port()?;
    let here = folder.display();
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let temporary: String = temporary.iter().map(|kind| format!("{kind}_temp_path {here}/{kind};\n")).collect();
    let configuration = format!(
        "user root;\nworker_processes 2;\ndaemon off;\npid {here}/nginx.pid;\nerror_log {here}/nginx.log;\n\
         events {{ worker_connections 4096; }}\n\
         http {{\naccess_log {here}/access.log;\n{temporary}keepalive_requests 100000000;\n\
         upstream provider {{ server 127.0.0.1:{upstream}; keepalive 256; keepalive_requests 100000000; }}\n\
         server {{\nlisten 127.0.0.1:{port};\nclient_body_buffer_size 64k;\n\
         location / {{\nproxy_pass http://provider;\nproxy_http_version 1.1;\nproxy_set_header Connection \"\";\n\
         proxy_set_header Authorization \"{UPSTREAM_AUTHORIZATION}\";\nproxy_buffering off;\n}}\n}}\n}}\n"
    );
    let file = folder.join("nginx.conf");
    fs::write(&file, configuration)?;
    let mut command = Command::new("nginx");
    command.arg("-c").arg(file).arg("-e").arg(folder.join("nginx.log"));
    Ok(Contestant::new(NGINX, Process::start(command, port, "/")?, "Bearer caller", Paths::Plain))
}

fn start_hyper(upstream: u16) -> Outcome<Contestant> {
    let port = free_port()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["hyper", &port.to_string(), &format!("127.0.0.1:{upstream}")]);
    Ok(Contestant::new(HYPER, Process::start(command, port, "/")?, "Bearer caller", Paths::Plain))
}

/// Starts goclaw with default settings except the providers' URLs, then sets a key and completes a login through the
/// API.
fn start_gateway(program: &str, folder: &Path, upstream: u16) -> Outcome<Contestant> {
    let port = free_port()?;
    let data = folder.join("data");
    let provider = format!("http://127.0.0.1:{upstream}");
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("HOME", folder)
        .env("GOCLAW_DATA_DIR", &data)
        .env("GOCLAW_PORT", port.to_string())
        .env("GOCLAW_CALLBACK__PORT", free_port()?.to_string())
        .env("GOCLAW_PROVIDERS__DASHSCOPE__API_BASE", &provider)
        .env("GOCLAW_PROVIDERS__OPENAI_CODEX__API_BASE", &provider)
        .env("GOCLAW_PROVIDERS__OPENAI_CODEX__ISSUER", &provider)
        .env("GOCLAW_DEFAULT_PROVIDER", "openai-codex")
        .stderr(fs::File::create(folder.join("goclaw.log"))?);
    let process = Process::start(command, port, "/healthz")?;
    let authorization = format!("Bearer {}", fs::read_to_string(data.join("gateway.token"))?.trim());
    let call = |method, path, body: &str| -> Outcome<Value> {
        let response = ask(port, method, path, &authorization, body)?;
        let (head, body) = response.split_once("\r\n\r\n").unwrap_or_default();
        if !head.starts_with("HTTP/1.1 200") {
            return Err(format!("goclaw rejects {method} {path}: {response}").into());
        }
        Ok(serde_json::from_str(body)?)
    };
    call("PUT", "/v1/auth/dashscope/secret", "{\"api_key\": \"sk-bench\", \"unchecked\": true}")?;
    let started = call("POST", "/v1/auth/openai/start", "{}")?;
    let auth_url = Url::parse(started.get("auth_url").and_then(Value::as_str).unwrap_or_default())?;
    let parameter = |wanted| auth_url.query_pairs().find_map(|(name, value)| (name == wanted).then_some(value));
    let (Some(redirect_uri), Some(state)) = (parameter("redirect_uri"), parameter("state")) else {
        return Err(format!("goclaw did not start a login: {started}").into());
    };
    let redirect = serde_json::json!({"redirect_url": format!("{redirect_uri}?code=c&state={state}")});
    call("POST", "/v1/auth/openai/callback", &redirect.to_string())?;
    Ok(Contestant::new(GOCLAW, process, &authorization, Paths::Proxy))
}

/// Starts LiteLLM, a widely used gateway, with its default of one worker.
fn start_litellm(program: &str, folder: &Path, upstream: u16) -> Outcome<Contestant> {
    let port = free_port()?;
    let file = folder.join("litellm.yaml");
    let model = format!("model: openai/bench, api_base: 'http://127.0.0.1:{upstream}/v1', api_key: sk-bench");
    fs::write(
        &file,
        format!(
            "model_list: [{{model_name: bench, litellm_params: {{{model}}}}}]\nlitellm_settings: {{telemetry: false}}\n"
        ),
    )?;
    let key = "sk-a-long-enough-key-of-the-bench";
    let log = fs::File::create(folder.join("litellm.log"))?;
    let mut command = Command::new(program);
    command
        .args(["--host", "127.0.0.1", "--port", &port.to_string(), "--config"])
        .arg(file)
        .env("HOME", folder)
        .env("LITELLM_LOCAL_MODEL_COST_MAP", "True")
        .env("LITELLM_LOG", "ERROR")
        .env("LITELLM_MASTER_KEY", key)
        .stderr(log);
    let process = Process::start(command, port, "/health/liveliness")?;
    Ok(Contestant::new(LITELLM, process, &format!("Bearer {key}"), Paths::OpenAi))
}
