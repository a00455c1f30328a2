//! The longer help texts: examples, variables and exit codes. Kept apart from the grammar for readability.

/// Returns the examples of the commands that this build has.
pub(super) fn examples() -> String {
    let lines = EXAMPLES.lines().filter(|line| cfg!(feature = "demo") || !line.starts_with("  goclaw demo"));
    lines.collect::<Vec<_>>().join("\n")
}

const EXAMPLES: &str = "\
Examples:
  goclaw                              start the gateway
  goclaw demo                         try it with a simulated provider
  goclaw open                         print a link that opens the gateway's page
  goclaw onboard                      write .env.local, then: source .env.local
  goclaw auth login                   log in to ChatGPT through the browser
  goclaw auth status                  show whether the login is active
  goclaw providers set-secret suno    connect Suno with a session token
  goclaw tokens create my-editor      create a token for a program

Environment:
  GOCLAW_GATEWAY_URL    the gateway's address; takes precedence over host and port
  GOCLAW_HOST           default 127.0.0.1
  GOCLAW_PORT           default 3577
  GOCLAW_TOKEN          the gateway's token; by default read from the token file on this machine
  GOCLAW_CONFIG         the configuration file, like --config
  GOCLAW_INSECURE       1 sends the token over plain HTTP to another machine, or to another user's program on this one,
                        like --insecure

Exit codes: 0 yes or done, 1 no, 2 usage, 3 gateway unreachable, 4 refused.";

pub(super) const AUTH_EXAMPLES: &str = "\
Examples:
  goclaw auth status
  goclaw auth login --no-browser
  goclaw auth login openai-work --type openai-codex --name 'Work account'
  goclaw auth logout openai

`openai` is short for `openai-codex`. It is the default.";

pub(super) const LOGIN_HELP: &str = "\
Prints a URL, opens it in a browser if possible, and waits for the login to end. If the browser ends at a page that does
not load (the gateway is on another machine, or port 1455 is in use), paste the page's whole address into the waiting
command.

With --json, prints one line when the login starts (with `auth_url`) and one line with the status when it ends.";

pub(super) const TOKENS_HELP: &str = "\
A program needs an API token of the gateway to use a model. Create one for each program: by default, it permits only
the model routes. It can be revoked separately.

Examples:
  OPENAI_API_KEY=$(goclaw tokens create my-editor)
  goclaw tokens list";

pub(super) const KEYS_HELP: &str = "\
The commands work on the database itself. To replace the key of a gateway with its own key file:

  goclaw keys rotate
  goclaw keys list          until the old key has no values; then delete its line in the key file

Keep a copy of the old key as long as you keep backups made with it. Responses that it sealed are forgotten without it:
they are remembered for a day after their last use, unless models.remember says otherwise.";

pub(super) const BACKUP_HELP: &str = "\
Works on the database itself, SQLite or PostgreSQL, and reads a consistent snapshot of it. Without --with-keys, keep a
copy of the encryption keys elsewhere: a backup is worthless without them. `age --decrypt FILE` opens the file too.

Examples:
  goclaw backup goclaw-2026-11-28.age
  goclaw backup --with-keys --passphrase-file passphrase.txt /media/usb/goclaw.age";

pub(super) const RESTORE_HELP: &str = "\
The database may be another one than before: SQLite and PostgreSQL read each other's backups. A refresh token in a backup may
be spent. Accounts whose newest tokens this machine's token journal does not know are put in doubt; they work until their
access tokens expire, and `goclaw auth refresh NAME` asks before it risks the old token. Sessions of the page end.

Examples:
  goclaw restore goclaw-2026-11-28.age
  goclaw restore --replace goclaw-2026-11-28.age";

pub(super) const EXPORT_HELP: &str = "\
Moves accounts without a new sign-in. They are removed here in the same step and are not revoked at the provider.
Gateways on this database stop using them within a second. The audit log records it.

Examples:
  goclaw export work.age work
  goclaw export --all everything.age";

pub(super) const IMPORT_HELP: &str = "\
Import the file on one machine only: two holders of one sign-in end it. Without account names, an exported file is
deleted once its accounts are connected. `--from codex` renames its file, and `--from goclaw` leaves it.

Examples:
  goclaw import work.age
  goclaw import --replace everything.age work
  goclaw import --from codex --take-over ~/.codex/auth.json
  goclaw import --from goclaw --take-over --key-file key.txt goclaw.db

The Codex CLI and the GoClaw service refresh their tokens too, and the second use of a refresh token ends the sign-in. Stop them
first. Signing in here as well is safer: goclaw auth login.";

pub(super) const AUDIT_HELP: &str = "\
The gateway writes who changed what, when, and from where, each change with its entry. Entries are kept for 400 days.
`list` and `export` ask the running gateway; `verify` works on the database itself.

Examples:
  goclaw audit list
  goclaw audit export > audit.jsonl
  goclaw audit verify --checkpoint 120:kDx0...";

pub(super) const SET_SECRET_HELP: &str = "\
The secret is read from stdin, or prompted for without echo if stdin is a terminal. It is never an argument.

Examples:
  goclaw providers set-secret suno
  goclaw providers set-secret dashscope < key.txt
  goclaw providers set-secret suno-band --type suno";

pub(super) const COMPLETIONS_HELP: &str = "\
Examples:
  goclaw completions bash > ~/.local/share/bash-completion/completions/goclaw
  goclaw completions zsh > ~/.zfunc/_goclaw
  goclaw completions fish > ~/.config/fish/completions/goclaw.fish";

pub(super) const DOCTOR_HELP: &str = "\
Checks the configuration, the ports, the limit of open files, the data folder, the database, the encryption key, and whether
each provider can be reached and agrees on the time. It sends no token. Like each start, it brings an existing database to
this version's schema. Run it as the gateway's user.

Exit code 0: everything is fine, 1: something is not.";
