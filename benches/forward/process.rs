//! Starts a measured program, reads its CPU time and memory, and stops it when the bench ends.

use std::{
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::Outcome;

/// The longest start of a program, and the longest wait for more of a response.
const TIMEOUT: Duration = Duration::from_secs(60);
/// The unit of times in `/proc/PID/stat`: `USER_HZ` is 100 on current Linux.
const TICK_US: u64 = 10_000;

/// A running program. Dropping it ends the process.
pub(crate) struct Process {
    child: Child,
    pub(crate) port: u16,
    /// Time from the start to the first response.
    pub(crate) started_in: Duration,
}

impl Process {
    /// Starts a program and waits until it responds to `GET path` with any status.
    pub(crate) fn start(mut command: Command, port: u16, path: &str) -> Outcome<Self> {
        let begun = Instant::now();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
        let mut process = Self { child, port, started_in: Duration::ZERO };
        while ask(port, "GET", path, "", "").is_err() {
            if let Some(status) = process.child.try_wait()? {
                return Err(format!("{command:?} ended with {status}").into());
            }
            if begun.elapsed() > TIMEOUT {
                return Err(format!("{command:?} does not respond").into());
            }
            thread::sleep(Duration::from_millis(1));
        }
        process.started_in = begun.elapsed();
        Ok(process)
    }

    /// Returns the process ids of the program and its workers.
    fn ids(&self) -> Outcome<Vec<String>> {
        let id = self.child.id().to_string();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children"))?;
        Ok(children.split_whitespace().map(str::to_owned).chain([id]).collect())
    }

    /// Returns the CPU time used so far, in user and system mode.
    pub(crate) fn cpu_us(&self) -> Outcome<u64> {
        let mut ticks = 0;
        for id in self.ids()? {
            let stat = fs::read_to_string(format!("/proc/{id}/stat"))?;
            // The name before the last parenthesis may contain anything. utime and stime are fields 12 and 13 after it.
            let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
            for field in after_name.split_whitespace().skip(11).take(2) {
                ticks += field.parse::<u64>()?;
            }
        }
        Ok(ticks * TICK_US)
    }

    /// Returns the resident memory. Pages that nginx's workers share count for each worker.
    pub(crate) fn resident_kib(&self) -> Outcome<u64> {
        let mut sum = 0;
        for id in self.ids()? {
            let status = fs::read_to_string(format!("/proc/{id}/status"))?;
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
            sum += line.trim().trim_end_matches(" kB").parse::<u64>()?;
        }
        Ok(sum)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // SIGTERM, because nginx's workers survive a SIGKILL of their master.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

pub(crate) fn free_port() -> Outcome<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Sends one request on a new connection and returns the whole response as text.
pub(crate) fn ask(port: u16, method: &str, path: &str, authorization: &str, body: &str) -> Outcome<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\nAuthorization: {authorization}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )?;
    let mut response = String::new();
    stream.read_to_string(&mut response)?;
    Ok(response)
}
