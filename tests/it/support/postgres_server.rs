//! A PostgreSQL server for one test that needs TLS or a late start. It is set up as on Debian: a self-signed
//! certificate, and scram-sha-256.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tempfile::TempDir;
use tokio_postgres::{Client, Config, NoTls};

use super::gateway::free_port;

/// No error text may contain this password.
pub(crate) const PASSWORD: &str = "a-long-password-of-the-test-server";

pub(crate) struct PostgresServer {
    folder: TempDir,
    port: u16,
    is_running: bool,
}

impl PostgresServer {
    /// Creates a server without starting it. `rules` is the content of `pg_hba.conf`.
    pub(crate) fn create(rules: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("goclaw-postgres").tempdir().expect("a folder");
        let server = Self { folder, port: free_port(), is_running: false };
        server.create_certificates();
        fs::write(server.path("password"), PASSWORD).expect("a file");
        if is_root() {
            run(Command::new("chown").args(["-R", "postgres"]).arg(server.folder.path()));
        }
        let data = server.path("data");
        server.run_as_owner(
            "initdb",
            &[
                &format!("--pgdata={}", data.display()),
                "--username=postgres",
                "--auth=scram-sha-256",
                &format!("--pwfile={}", server.path("password").display()),
                "--no-sync",
            ],
        );
        fs::write(data.join("pg_hba.conf"), rules).expect("a file");
        server
    }

    pub(crate) fn start(&mut self) {
        let options = format!(
            "-c listen_addresses=* -c port={} -c unix_socket_directories={} -c fsync=off -c ssl=on \
             -c ssl_cert_file={} -c ssl_key_file={} -c ssl_ca_file={}",
            self.port,
            self.folder.path().display(),
            self.path("server.pem").display(),
            self.path("server.key").display(),
            self.path("ca.pem").display(),
        );
        let (data, log) = (self.path("data"), self.path("server.log"));
        self.run_as_owner(
            "pg_ctl",
            &[
                &format!("--pgdata={}", data.display()),
                &format!("--log={}", log.display()),
                "--silent",
                "--wait",
                &format!("--options={options}"),
                "start",
            ],
        );
        self.is_running = true;
    }

    /// Returns the server's URL at `host`. `rest` is the database with its parameters.
    pub(crate) fn url(&self, host: &str, rest: &str) -> String {
        format!("postgres://postgres:{PASSWORD}@{host}:{}/{rest}", self.port)
    }

    /// Connects through the server's Unix socket.
    pub(crate) async fn client(&self) -> Client {
        let mut config = Config::new();
        config.host_path(self.folder.path()).port(self.port).user("postgres").password(PASSWORD).dbname("postgres");
        let (client, driver) = config.connect(NoTls).await.expect("a connection");
        #[expect(clippy::disallowed_methods, reason = "it ends with the client")]
        tokio::spawn(driver);
        client
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Creates `server.pem`, self-signed as by Debian's make-ssl-cert, and `client.pem`, signed by `ca.pem`.
    fn create_certificates(&self) {
        let openssl = |words: &str| run(Command::new("openssl").args(words.split(' ')).current_dir(self.folder.path()));
        openssl(
            "req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=goclaw-test-server -keyout server.key -out server.pem \
             -addext basicConstraints=CA:FALSE -addext subjectAltName=DNS:localhost",
        );
        openssl("req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=authority -keyout ca.key -out ca.pem");
        openssl("req -newkey rsa:2048 -nodes -subj /CN=postgres -keyout client.key -out client.csr");
        // Without an extension, openssl creates an X.509 version 1 certificate.
        fs::write(self.path("extensions"), "basicConstraints=CA:FALSE\n").expect("a file");
        openssl(
            "x509 -req -days 30 -extfile extensions -in client.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out client.pem",
        );
        for key in ["server.key", "client.key"] {
            fs::set_permissions(self.path(key), fs::Permissions::from_mode(0o600)).expect("a mode");
        }
    }

    /// Runs a PostgreSQL program as the user `postgres` if the test runs as root, which the programs refuse.
    fn run_as_owner(&self, program: &str, arguments: &[&str]) {
        let program = programs().join(program);
        let mut command = Command::new(if is_root() { Path::new("runuser") } else { &program });
        if is_root() {
            command.args(["-u", "postgres", "--"]).arg(program);
        }
        // The server that pg_ctl starts would keep an inherited stdin open.
        run(command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null()));
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        if self.is_running {
            let data = format!("--pgdata={}", self.path("data").display());
            self.run_as_owner("pg_ctl", &[&data, "--silent", "--mode=immediate", "stop"]);
        }
    }
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| std::os::unix::fs::MetadataExt::uid(&process) == 0)
}

/// Returns the folder of Debian's newest PostgreSQL, or an empty path, so that `PATH` is searched.
fn programs() -> PathBuf {
    let versions =
        fs::read_dir("/usr/lib/postgresql").map(|entries| entries.flatten().collect()).unwrap_or_else(|_| Vec::new());
    let newest =
        versions.iter().max_by_key(|version| version.file_name().to_string_lossy().parse::<u32>().unwrap_or(0));
    newest.map(|version| version.path().join("bin")).unwrap_or_default()
}

fn run(command: &mut Command) {
    let log = tempfile::NamedTempFile::new().expect("a file");
    let output = || log.reopen().expect("a file");
    let status = command.stdout(output()).stderr(output()).status();
    let text = fs::read_to_string(log.path()).unwrap_or_default();
    assert!(status.is_ok_and(|status| status.success()), "{command:?} failed: {text}; ./test.sh installs it");
}
