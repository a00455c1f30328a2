//! Who takes part: the upstream without anything before it, and the proxies, each as its users would start it.

use std::{fs, path::Path, process::Command};

use crate::{
    KEY, Outcome,
    process::{Process, ask, free_port},
};

/// Somebody who answers what the upstream answers.
pub(crate) struct Contestant {
    pub(crate) name: &'static str,
    pub(crate) process: Process,
    /// What stands before the upstream's own path.
    pub(crate) prefix: &'static str,
    /// What a caller presents.
    pub(crate) authorization: String,
}

/// The names, in the order of the tables.
pub(crate) const DIRECT: &str = "direct";
pub(crate) const NGINX: &str = "nginx";
pub(crate) const HYPER: &str = "bare hyper";
pub(crate) const GOCLAW: &str = "goclaw";

/// Starts all of them, with what they write in `folder`.
pub(crate) fn start(goclaw: &str, folder: &Path) -> Outcome<Vec<Contestant>> {
    let direct = upstream()?;
    let upstream = direct.process.port;
    Ok(vec![direct, nginx(folder, upstream)?, hyper(upstream)?, gateway(goclaw, folder, upstream)?])
}

fn upstream() -> Outcome<Contestant> {
    let port = free_port()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["upstream", &port.to_string()]);
    open(DIRECT, Process::start(command, port, "/")?)
}

/// The limit in practice. Nothing is logged and nothing written to disk; connections are kept as long as they last.
fn nginx(folder: &Path, upstream: u16) -> Outcome<Contestant> {
    let port = free_port()?;
    let here = folder.display();
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let temporary: String = temporary.iter().map(|kind| format!("{kind}_temp_path {here}/{kind};\n")).collect();
    let configuration = format!(
        "user root;\nworker_processes 2;\ndaemon off;\npid {here}/nginx.pid;\nerror_log {here}/nginx.log;\n\
         events {{ worker_connections 4096; }}\n\
         http {{\naccess_log off;\n{temporary}keepalive_requests 100000000;\n\
         upstream provider {{ server 127.0.0.1:{upstream}; keepalive 256; keepalive_requests 100000000; }}\n\
         server {{\nlisten 127.0.0.1:{port};\nclient_body_buffer_size 64k;\n\
         location / {{\nproxy_pass http://provider;\nproxy_http_version 1.1;\nproxy_set_header Connection \"\";\n\
         proxy_set_header Authorization \"{KEY}\";\nproxy_buffering off;\n}}\n}}\n}}\n"
    );
    let file = folder.join("nginx.conf");
    fs::write(&file, configuration)?;
    let mut command = Command::new("nginx");
    command.arg("-c").arg(file).arg("-e").arg(folder.join("nginx.log"));
    open(NGINX, Process::start(command, port, "/")?)
}

fn hyper(upstream: u16) -> Outcome<Contestant> {
    let port = free_port()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["hyper", &port.to_string(), &format!("127.0.0.1:{upstream}")]);
    open(HYPER, Process::start(command, port, "/")?)
}

/// As a user has it: nothing configured but where the provider is, and the key handed over through the API.
fn gateway(program: &str, folder: &Path, upstream: u16) -> Outcome<Contestant> {
    let port = free_port()?;
    let data = folder.join("data");
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("HOME", folder)
        .env("GOCLAW_DATA_DIR", &data)
        .env("GOCLAW_PORT", port.to_string())
        .env("GOCLAW_CALLBACK__PORT", free_port()?.to_string())
        .env("GOCLAW_PROVIDERS__DASHSCOPE__API_BASE", format!("http://127.0.0.1:{upstream}"))
        .stderr(fs::File::create(folder.join("goclaw.log"))?);
    let process = Process::start(command, port, "/healthz")?;
    let authorization = format!("Bearer {}", fs::read_to_string(data.join("gateway.token"))?.trim());
    let answer = ask(port, "PUT", "/v1/auth/dashscope/secret", &authorization, "{\"api_key\": \"sk-bench\"}")?;
    if !answer.starts_with("HTTP/1.1 200") {
        return Err(format!("goclaw does not take the key: {answer}").into());
    }
    Ok(Contestant { name: GOCLAW, process, prefix: "/v1/proxy/dashscope", authorization })
}

/// One that asks its callers for nothing but the upstream's own key, which the proxies set anyway.
fn open(name: &'static str, process: Process) -> Outcome<Contestant> {
    let authorization = if name == DIRECT { KEY } else { "Bearer caller" };
    Ok(Contestant { name, process, prefix: "", authorization: authorization.to_owned() })
}
