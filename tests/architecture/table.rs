//! The paths that each layer may use. All others are denied, so a change of the architecture changes this file.
//!
//! An entry allows a path and everything below it, or denies it with a leading `!`. The longest matching entry decides:
//! `"std", "!std::time", "std::time::Duration"` is std without the clock.

/// A layer: the sources at `at` (a folder or a file) and the paths that they may use. A layer may always use itself.
pub(crate) struct Layer {
    pub(crate) at: &'static str,
    /// Allowed modules of this crate.
    pub(crate) inside: &'static [&'static str],
    /// Allowed crates or parts of them, in named groups.
    pub(crate) outside: &'static [&'static [&'static str]],
    /// Additional entries under `cfg(test)`.
    pub(crate) in_tests: &'static [&'static str],
}

/// std without I/O and clocks. Durations and addresses are plain values.
const PURE_STD: &[&str] = &[
    "core",
    "std",
    "!std::env",
    "!std::fs",
    "!std::io",
    "!std::net",
    "!std::os",
    "!std::process",
    "!std::thread",
    "!std::time",
    "std::net::IpAddr",
    "std::net::SocketAddr",
    "std::time::Duration",
];
/// Computation on values.
const PURE: &[&str] = &[
    "base64",
    "percent_encoding",
    "secrecy",
    "serde",
    "serde_json",
    "sha2",
    "strum",
    "subtle",
    "thiserror",
    "url",
    "uuid",
];
/// Crates for the async methods of traits, and for the secrets and errors in their signatures.
const TRAITS: &[&str] = &["async_trait", "futures_util", "secrecy", "thiserror"];
/// HTTP messages as values. `http_message` is the crate `http`, which has no sockets.
const MESSAGES: &[&str] = &["bytes", "http_message"];
/// Tasks and locks. Time and sockets are ports.
const TASKS: &[&str] = &["tokio::select", "tokio::sync", "tokio_util", "tracing"];
/// Entries of most adapters. An adapter that needs the process or the environment lists that itself. The process id is
/// a plain value.
const ADAPTER: &[&str] = &[
    "core",
    "std",
    "!std::env",
    "!std::process",
    "!std::thread",
    "std::process::id",
    "tokio",
    "tokio_util",
    "tracing",
];

const OUTBOUND: &[&str] = &[
    "crate::ports",
    "crate::domain",
    "crate::adapters::connect_failure",
    "crate::adapters::draft",
    "crate::adapters::logging",
    "crate::adapters::outbound",
];
const INBOUND: &[&str] = &["crate::app", "crate::ports", "crate::domain"];
/// Modules for the callback listener. It implements a port and serves requests.
const CALLBACK: &[&str] = &["crate::ports", "crate::domain", "crate::adapters::serving"];

const CORE_TESTS: &[&str] = &["mockall", "proptest", "tokio::join", "tokio::spawn", "tokio::task", "tokio::test"];
const ADAPTER_TESTS: &[&str] = &["goclaw_simulator", "insta", "mockall", "proptest", "rustls", "tempfile"];

pub(crate) const LAYERS: &[Layer] = &[
    // The core.
    Layer { at: "src/lib", inside: &[], outside: &[], in_tests: &[] },
    Layer {
        at: "src/domain",
        inside: &[],
        // From jiff only dates as text, without its clock and time zones.
        outside: &[
            PURE_STD,
            PURE,
            &["bytes", "httpdate", "ipnet", "memchr"],
            &["jiff::Timestamp", "jiff::civil", "jiff::fmt::rfc2822", "jiff::tz::Offset"],
        ],
        in_tests: &[],
    },
    Layer {
        at: "src/ports",
        inside: &["crate::domain"],
        outside: &[PURE_STD, TRAITS, MESSAGES],
        in_tests: &["mockall"],
    },
    Layer {
        at: "src/app",
        inside: &["crate::app", "crate::ports", "crate::domain"],
        // flate2 reads bytes in memory through `Read`.
        outside: &[
            PURE_STD,
            PURE,
            TRAITS,
            TASKS,
            MESSAGES,
            &["arc_swap", "flate2", "metrics", "std::io::Read", "tokio::task_local"],
        ],
        in_tests: CORE_TESTS,
    },
    // Outbound adapters never call a use case.
    outbound(
        "src/adapters/settings",
        &[ADAPTER, PURE, &["config", "humantime", "serde_path_to_error", "std::env", "tracing_subscriber"]],
    ),
    outbound(
        "src/adapters/store",
        &[
            ADAPTER,
            PURE,
            TRAITS,
            &[
                "deadpool",
                "diesel",
                "diesel_async",
                "diesel_migrations",
                "libsqlite3_sys",
                "metrics",
                "rustls",
                "rustls_platform_verifier",
                "tokio_postgres",
                "tokio_postgres_rustls",
            ],
        ],
    ),
    outbound("src/adapters/oauth", &[ADAPTER, PURE, TRAITS, &["bytes", "cookie", "flate2", "reqwest"]]),
    outbound(
        "src/adapters/upstream",
        &[
            ADAPTER,
            PURE,
            TRAITS,
            MESSAGES,
            &["h2", "http_body_util", "hyper", "hyper_rustls", "hyper_util", "tower_service"],
        ],
    ),
    outbound("src/adapters/connect_failure", &[ADAPTER]),
    outbound("src/adapters/archive", &[ADAPTER, PURE, &["chacha20poly1305", "hkdf", "hmac", "scrypt"]]),
    outbound(
        "src/adapters/outbound",
        &[ADAPTER, PURE, MESSAGES, &["hyper_util", "reqwest", "rustls", "rustls_platform_verifier"]],
    ),
    outbound("src/adapters/cipher", &[ADAPTER, PURE, TRAITS, &["chacha20poly1305"]]),
    outbound("src/adapters/data_folder", &[ADAPTER, PURE, &["rustix"]]),
    outbound("src/adapters/draft", &[ADAPTER]),
    outbound("src/adapters/diagnosis", &[ADAPTER, PURE, &["httpdate", "reqwest"]]),
    outbound("src/adapters/secret_file", &[ADAPTER, PURE]),
    outbound("src/adapters/service_manager", &[ADAPTER]),
    outbound("src/adapters/journal", &[ADAPTER, PURE, TRAITS, &["rustix"]]),
    outbound("src/adapters/system", &[ADAPTER, PURE, TRAITS, &["getrandom", "rustix"]]),
    outbound("src/adapters/webhook", &[ADAPTER, PURE, TRAITS, &["hmac", "reqwest"]]),
    outbound(
        "src/adapters/prometheus",
        &[ADAPTER, &["metrics", "metrics_exporter_prometheus", "metrics_process", "metrics_util"]],
    ),
    outbound("src/adapters/logging", &[ADAPTER, PURE, &["tracing_subscriber"]]),
    Layer {
        at: "src/adapters/callback",
        inside: CALLBACK,
        outside: &[ADAPTER, PURE, TRAITS, &["bytes", "http_body_util", "hyper", "hyper_util", "poem", "poem_openapi"]],
        in_tests: ADAPTER_TESTS,
    },
    // Inbound adapters call use cases, except `cli`, which calls the API.
    Layer {
        at: "src/adapters/contract",
        inside: INBOUND,
        outside: &[PURE_STD, PURE, &["clap", "http_message", "poem_openapi"]],
        in_tests: ADAPTER_TESTS,
    },
    Layer {
        at: "src/adapters/http",
        inside: &[
            "crate::app",
            "crate::ports",
            "crate::domain",
            "crate::adapters::serving",
            "crate::adapters::contract",
            "crate::adapters::prometheus",
        ],
        outside: &[
            ADAPTER,
            PURE,
            TRAITS,
            &["bytes", "flate2", "governor", "matchit", "poem", "poem_openapi", "ruzstd", "serde_path_to_error"],
        ],
        in_tests: ADAPTER_TESTS,
    },
    Layer {
        at: "src/adapters/web_ui",
        inside: &["crate::app", "crate::ports", "crate::domain", "crate::adapters::serving"],
        outside: &[ADAPTER, PURE, &["poem", "poem_openapi"]],
        in_tests: ADAPTER_TESTS,
    },
    Layer {
        at: "src/adapters/cli",
        inside: &["crate::ports", "crate::domain", "crate::adapters::contract", "crate::adapters::draft"],
        outside: &[
            ADAPTER,
            PURE,
            TRAITS,
            &[
                "clap",
                "anstream",
                "anstyle",
                "clap_complete",
                "humantime",
                "jiff",
                "natord",
                "open",
                "reqwest",
                "rpassword",
                "rustix",
                "std::env",
                "std::process",
            ],
        ],
        in_tests: ADAPTER_TESTS,
    },
    // The accept loop and static texts use hyper and poem, and no module of this crate.
    Layer {
        at: "src/adapters/serving",
        inside: &[],
        outside: &[
            ADAPTER,
            TRAITS,
            &[
                "bytes",
                "flate2",
                "http_body_util",
                "hyper",
                "hyper_util",
                "poem",
                "poem_openapi",
                "rustls",
                "secrecy",
                "tokio_rustls",
                "x509_cert",
            ],
        ],
        in_tests: ADAPTER_TESTS,
    },
    // It returns the accounts that `app::moving` imports.
    Layer {
        at: "src/adapters/foreign",
        inside: &["crate::app", "crate::domain"],
        outside: &[ADAPTER, PURE, &["ring"]],
        in_tests: ADAPTER_TESTS,
    },
    Layer { at: "src/adapters/mod", inside: &[], outside: &[], in_tests: &[] },
    // The composition root uses every module.
    Layer {
        at: "src/bootstrap",
        inside: &["crate"],
        outside: &[
            ADAPTER,
            PURE,
            TRAITS,
            &["goclaw_simulator", "rustix", "rustls", "std::env::args", "std::process", "tempfile"],
        ],
        in_tests: ADAPTER_TESTS,
    },
    Layer {
        at: "src/main",
        inside: &[],
        outside: &[&["goclaw::bootstrap", "mimalloc", "std::process::ExitCode"]],
        in_tests: &[],
    },
];

const fn outbound(at: &'static str, outside: &'static [&'static [&'static str]]) -> Layer {
    Layer { at, inside: OUTBOUND, outside, in_tests: ADAPTER_TESTS }
}

/// The files, or folders ending in `/`, that may expose a secret.
pub(crate) const SECRETS_ARE_OPENED_IN: &[&str] = &[
    "src/domain/api_token.rs",
    "src/domain/authorize_url.rs",
    "src/domain/claims.rs",
    "src/domain/gateway_token.rs",
    "src/domain/imported_login.rs",
    "src/domain/login.rs",
    "src/domain/pasted_cookie.rs",
    "src/domain/pasted_response.rs",
    "src/domain/pkce.rs",
    "src/domain/secret.rs",
    "src/domain/signing_key.rs",
    "src/app/tokens/login_tokens.rs",
    "src/app/tokens/vault.rs",
    "src/adapters/archive/",
    "src/adapters/cipher/",
    "src/adapters/cli/client.rs",
    "src/adapters/cli/onboard.rs",
    "src/adapters/cli/passphrase.rs",
    "src/adapters/cli/pasted_lines.rs",
    "src/adapters/contract/",
    "src/adapters/foreign/",
    "src/adapters/http/gateway_token.rs",
    "src/adapters/oauth/",
    "src/adapters/outbound/mod.rs",
    "src/adapters/secret_file.rs",
    "src/adapters/settings/values.rs",
    "src/adapters/upstream/",
    "src/adapters/webhook.rs",
    "src/adapters/store/go_service.rs",
    "src/adapters/store/postgres/",
    "src/bootstrap/banner.rs",
    "src/bootstrap/demo.rs",
    "src/bootstrap/gateway_token.rs",
];
