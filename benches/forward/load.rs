//! The loads, and one round of a load with wrk.

use std::{fs, path::Path, process::Command};

use crate::{Outcome, contestants::Contestant, process::ask};

pub(crate) struct Load {
    pub(crate) name: &'static str,
    method: &'static str,
    path: &'static str,
    body: Body,
    connections: usize,
    /// The end of the correct response.
    pub(crate) ending: &'static str,
}

/// The upstream's path for prompts. Contestants may serve it under another path.
pub(crate) const PROMPT_PATH: &str = "/codex/responses";

pub(crate) const SMALL: Load = Load {
    name: "1 KB of JSON, 1 connection",
    method: "GET",
    path: "/compatible-mode/v1/models",
    body: Body::Empty,
    connections: 1,
    ending: "xxxx\"}",
};

pub(crate) const LOADS: [Load; 6] = [
    SMALL,
    Load { name: "1 KB of JSON, 16 connections", connections: 16, ..SMALL },
    Load { name: "1 KB of JSON, 64 connections", connections: 64, ..SMALL },
    Load {
        name: "40 KB sent, 64 connections",
        method: "POST",
        path: "/compatible-mode/v1/embeddings",
        body: Body::Json { bytes: 40_000 },
        connections: 64,
        ..SMALL
    },
    Load {
        name: "50 events at once, 32 connections",
        method: "POST",
        path: "/compatible-mode/v1/chat/completions",
        body: Body::Json { bytes: 100 },
        connections: 32,
        ending: "\"sequence_number\":49,\"delta\":\" word\"}\n\n\r\n0\r\n\r\n",
    },
    Load {
        name: "a prompt, answered in 50 events, 32 connections",
        method: "POST",
        path: PROMPT_PATH,
        body: Body::Prompt,
        connections: 32,
        ending: "\n\n\r\n0\r\n\r\n",
    },
];

enum Body {
    Empty,
    Json { bytes: usize },
    Prompt,
}

/// The results of one round.
#[derive(Clone, Copy)]
pub(crate) struct Round {
    pub(crate) per_second: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    /// The CPU time of the contestant for one request.
    pub(crate) cpu_us: f64,
    pub(crate) resident_kib: f64,
}

impl Load {
    fn body(&self) -> String {
        match self.body {
            Body::Empty => String::new(),
            Body::Json { bytes } => format!("{{\"input\":\"{}\"}}", "x".repeat(bytes - "{\"input\":\"\"}".len())),
            Body::Prompt => {
                "{\"model\":\"bench\",\"input\":\"Tell me 48 words.\",\"stream\":true,\"store\":false}".to_owned()
            }
        }
    }

    /// Whether a contestant supports this load.
    pub(crate) fn is_supported_by(&self, contestant: &Contestant) -> bool {
        contestant.path(self.path).is_some()
    }

    /// Fails unless the contestant responds with status 200 and the expected ending.
    pub(crate) fn check(&self, contestant: &Contestant) -> Outcome {
        let path = contestant.path(self.path).ok_or("the contestant does not support this load")?;
        let response = ask(contestant.process.port, self.method, &path, &contestant.authorization, &self.body())?;
        if response.starts_with("HTTP/1.1 200") && response.ends_with(self.ending) {
            return Ok(());
        }
        Err(format!("{} responds to {} with {response}", contestant.name, self.name).into())
    }

    /// Returns the request as text.
    pub(crate) fn message(&self, contestant: &Contestant) -> Outcome<String> {
        let path = contestant.path(self.path).ok_or("the contestant does not support this load")?;
        let (method, authorization, body) = (self.method, &contestant.authorization, self.body());
        let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        Ok(format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {authorization}\r\n{length}\r\n{body}"
        ))
    }

    /// Runs one round with wrk and its `script`.
    pub(crate) fn run(&self, contestant: &Contestant, seconds: u32, script: &Path) -> Outcome<Round> {
        let path = contestant.path(self.path).ok_or("the contestant does not support this load")?;
        let url = format!("http://127.0.0.1:{}{path}", contestant.process.port);
        let before = contestant.process.cpu_us()?;
        let output = Command::new("wrk")
            .args(["--threads", "1", "--connections", &self.connections.to_string()])
            .args(["--duration", &format!("{seconds}s"), "--script"])
            .arg(script)
            .arg(&url)
            .env("BENCH_METHOD", self.method)
            .env("BENCH_AUTHORIZATION", &contestant.authorization)
            .env("BENCH_BODY", self.body())
            .output()?;
        let cpu_used = contestant.process.cpu_us()? - before;
        let text = String::from_utf8_lossy(&output.stdout);
        let line = text.lines().find_map(|line| line.strip_prefix("figures ")).unwrap_or_default();
        let figures: Vec<f64> = line.split(' ').filter_map(|figure| figure.parse().ok()).collect();
        match *figures {
            // The last number counts failed requests.
            [requests, duration_us, p50_us, p99_us, 0.0] if requests > 0.0 => Ok(Round {
                per_second: requests * 1e6 / duration_us,
                p50_us,
                p99_us,
                cpu_us: cpu_used as f64 / requests,
                resident_kib: contestant.process.resident_kib()? as f64,
            }),
            _ => {
                Err(format!("{}, {}: {text}{}", contestant.name, self.name, String::from_utf8_lossy(&output.stderr))
                    .into())
            }
        }
    }
}

/// Writes wrk's script to a folder, so that the bench works from any current folder.
pub(crate) fn write_script(folder: &Path) -> Outcome<std::path::PathBuf> {
    let script = folder.join("wrk.lua");
    fs::write(&script, include_str!("wrk.lua"))?;
    Ok(script)
}
