//! Runs a command of the gateway until it exits, and reads the first line of a program that keeps running.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Seek},
    process::{Child, Command},
    sync::{Arc, OnceLock},
    thread,
};

use super::gateway::{POLL_INTERVAL, TEST_DEADLINE, sleep_thread};

#[derive(Debug)]
pub(crate) struct CommandOutput {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl CommandOutput {
    /// Runs a command until it exits. Panics if it runs longer than [`TEST_DEADLINE`].
    pub(crate) fn of(mut command: Command) -> Self {
        let [mut stdout, mut stderr] = [(); 2].map(|()| tempfile::tempfile().expect("an output file"));
        let share = |file: &fs::File| file.try_clone().expect("an output file");
        let mut child = command.stdout(share(&stdout)).stderr(share(&stderr)).spawn().expect("it starts");
        let status = (0..polls()).find_map(|_| {
            let ended = child.try_wait().expect("its status");
            if ended.is_none() {
                sleep_thread(POLL_INTERVAL);
            }
            ended
        });
        let Some(status) = status else {
            let _ = child.kill();
            panic!("{command:?} did not end");
        };
        let read = |file: &mut fs::File| {
            let mut text = String::new();
            file.rewind().and_then(|()| file.read_to_string(&mut text)).expect("text");
            text
        };
        Self { code: status.code(), stdout: read(&mut stdout), stderr: read(&mut stderr) }
    }
}

/// A process that is killed when this is dropped.
pub(crate) struct KilledOnDrop(pub(crate) Child);

impl Drop for KilledOnDrop {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Returns the first line of a program's output; it is empty if the output has ended. Panics after [`TEST_DEADLINE`].
pub(crate) fn first_line(output: impl Read + Send + 'static) -> String {
    let (line, waiting) = (Arc::new(OnceLock::<String>::new()), thread::current());
    let found = Arc::clone(&line);
    #[expect(clippy::disallowed_methods, reason = "it ends with the program's output")]
    thread::spawn(move || {
        let mut text = String::new();
        let _ = BufReader::new(output).read_line(&mut text);
        let _ = found.set(text);
        waiting.unpark();
    });
    for _ in 0..polls() {
        if let Some(text) = line.get() {
            return text.clone();
        }
        thread::park_timeout(POLL_INTERVAL);
    }
    panic!("timed out waiting for the first line of a program");
}

fn polls() -> u128 {
    TEST_DEADLINE.as_millis() / POLL_INTERVAL.as_millis()
}
