//! The table: what each layer may name. What is not written here is denied, so amending the architecture means
//! amending this file, where a reviewer sees it.
//!
//! An entry is a path and allows everything below it; with `!` in front it takes that away again; the longest entry
//! that fits decides. So `"std", "!std::time", "std::time::Duration"` is std without the clock.

/// One layer: the sources under `at` (the folder, or the one file of that name) and what they may name.
/// What lies at `at` may always name itself.
pub(crate) struct Layer {
    pub(crate) at: &'static str,
    /// Modules of this crate.
    pub(crate) inside: &'static [&'static str],
    /// Crates, or parts of them, in named groups.
    pub(crate) outside: &'static [&'static [&'static str]],
    /// What is added under `cfg(test)`.
    pub(crate) in_tests: &'static [&'static str],
}

/// std without the outside world; a duration and an address are values and stay.
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
/// What a trait with async methods needs.
const TRAITS: &[&str] = &["async_trait", "futures_util", "secrecy", "thiserror"];
/// HTTP messages as values: the crate `http`, which has no sockets.
const MESSAGES: &[&str] = &["bytes", "http_message"];
/// Tasks and locks, but neither time nor sockets: those are ports.
const TASKS: &[&str] = &["tokio::select", "tokio::sync", "tokio_util", "tracing"];
/// What any adapter may use. The process and its environment are named by the adapters that own them; its number is
/// no more than a name.
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

const OUTBOUND: &[&str] = &["crate::ports", "crate::domain"];
const INBOUND: &[&str] = &["crate::app", "crate::ports", "crate::domain"];
/// The accept loop is the one adapter that others stand on.
const OUTBOUND_SERVED: &[&str] = &["crate::ports", "crate::domain", "crate::adapters::serving"];

const CORE_TESTS: &[&str] = &["mockall", "proptest", "tokio::join", "tokio::spawn", "tokio::task", "tokio::test"];
const ADAPTER_TESTS: &[&str] = &["goclaw_simulator", "insta", "mockall", "proptest", "rustls", "tempfile"];

pub(crate) const LAYERS: &[Layer] = &[
    // The core.
    Layer { at: "src/lib", inside: &[], outside: &[], in_tests: &[] },
    Layer { at: "src/domain", inside: &[], outside: &[PURE_STD, PURE], in_tests: &["proptest"] },
    Layer {
        at: "src/ports",
        inside: &["crate::domain"],
        outside: &[PURE_STD, TRAITS, MESSAGES],
        in_tests: &["mockall"],
    },
    Layer {
        at: "src/app",
        inside: &["crate::app", "crate::ports", "crate::domain"],
        outside: &[PURE_STD, PURE, TRAITS, TASKS, MESSAGES, &["arc_swap"]],
        in_tests: CORE_TESTS,
    },
    // Outbound adapters: they fulfil ports and never call a use case.
    outbound("src/adapters/settings", &[ADAPTER, PURE, &["config", "humantime", "serde_path_to_error", "std::env"]]),
    outbound(
        "src/adapters/store",
        &[
            ADAPTER,
            PURE,
            TRAITS,
            &[
                "diesel",
                "diesel_async",
                "diesel_migrations",
                "libsqlite3_sys",
                "rustls",
                "rustls_platform_verifier",
                "tokio_postgres",
                "tokio_postgres_rustls",
            ],
        ],
    ),
    outbound("src/adapters/oauth", &[ADAPTER, PURE, TRAITS, &["bytes", "reqwest"]]),
    outbound(
        "src/adapters/upstream",
        &[
            ADAPTER,
            PURE,
            TRAITS,
            MESSAGES,
            &["http_body_util", "hyper", "hyper_rustls", "hyper_util", "rustls", "rustls_platform_verifier"],
            &["tower_service"],
        ],
    ),
    outbound("src/adapters/cipher", &[ADAPTER, PURE, TRAITS, &["chacha20poly1305"]]),
    outbound("src/adapters/secret_file", &[ADAPTER, PURE]),
    outbound("src/adapters/journal", &[ADAPTER, PURE, TRAITS]),
    outbound("src/adapters/system", &[ADAPTER, PURE, TRAITS, &["getrandom"]]),
    outbound("src/adapters/webhook", &[ADAPTER, PURE, TRAITS, &["hmac", "reqwest"]]),
    outbound("src/adapters/telemetry", &[ADAPTER, PURE, &["tracing_subscriber"]]),
    Layer {
        at: "src/adapters/callback",
        inside: OUTBOUND_SERVED,
        outside: &[ADAPTER, PURE, TRAITS, &["bytes", "http_body_util", "hyper", "hyper_util", "poem", "poem_openapi"]],
        in_tests: ADAPTER_TESTS,
    },
    // Inbound adapters: they call use cases.
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
        ],
        outside: &[
            ADAPTER,
            PURE,
            TRAITS,
            &["bytes", "governor", "matchit", "poem", "poem_openapi", "serde_path_to_error"],
        ],
        in_tests: ADAPTER_TESTS,
    },
    Layer {
        at: "src/adapters/web_ui",
        inside: INBOUND,
        outside: &[ADAPTER, PURE, &["poem", "poem_openapi"]],
        in_tests: ADAPTER_TESTS,
    },
    Layer {
        at: "src/adapters/cli",
        inside: &["crate::ports", "crate::domain", "crate::adapters::contract"],
        outside: &[
            ADAPTER,
            PURE,
            TRAITS,
            &["clap", "humantime", "jiff", "open", "reqwest", "rpassword", "std::env", "std::process"],
        ],
        in_tests: ADAPTER_TESTS,
    },
    // The accept loop knows hyper and poem, and nothing of ours.
    Layer {
        at: "src/adapters/serving",
        inside: &[],
        outside: &[ADAPTER, TRAITS, &["bytes", "http_body_util", "hyper", "hyper_util", "poem", "poem_openapi"]],
        in_tests: ADAPTER_TESTS,
    },
    Layer { at: "src/adapters/mod", inside: &[], outside: &[], in_tests: &[] },
    // The composition root sees every module; the crates behind them it leaves to the adapters.
    Layer {
        at: "src/bootstrap",
        inside: &["crate"],
        outside: &[ADAPTER, PURE, TRAITS, &["rustls", "std::env::args", "std::process"]],
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

/// The files, or folders ending in `/`, that may open a secret. Everywhere else a secret is passed on shut.
pub(crate) const SECRETS_ARE_OPENED_IN: &[&str] = &[
    "src/domain/api_token.rs",
    "src/domain/authorization_response.rs",
    "src/domain/authorize_url.rs",
    "src/domain/claims.rs",
    "src/domain/login.rs",
    "src/domain/pkce.rs",
    "src/domain/secret.rs",
    "src/app/tokens/vault.rs",
    "src/adapters/cipher/",
    "src/adapters/cli/client.rs",
    "src/adapters/cli/onboard.rs",
    "src/adapters/contract/",
    "src/adapters/http/authenticator.rs",
    "src/adapters/oauth/",
    "src/adapters/secret_file.rs",
    "src/adapters/settings/values.rs",
    "src/adapters/upstream/",
    "src/adapters/webhook.rs",
    "src/adapters/store/postgres/",
    "src/bootstrap/banner.rs",
];
