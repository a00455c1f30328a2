//! Tests of the architecture check: small sources with the expected finding.

use std::collections::BTreeSet;

use super::{MAX_LINES, problems};

/// File, source and expected finding. `""` means that the source passes.
const CASES: &[(&str, &str, &str)] = &[
    // Allowed uses of each layer.
    ("src/domain/login.rs", "use std::{collections::BTreeMap, time::Duration};\nuse serde::Serialize;", ""),
    ("src/domain/ids.rs", "use super::secret::AccessToken; use crate::domain::time::Timestamp;", ""),
    ("src/domain/ids.rs", "mod word; fn f() { word::g(); u64::from_str_radix; Self::new(); Option::<u8>::None; }", ""),
    ("src/ports/clock.rs", "use std::net::IpAddr; pub fn open() {} use crate::domain::sealed::open;", ""),
    ("src/app/logout.rs", "use crate::{domain::ids::AccountName, ports::clock::Clock};", ""),
    ("src/app/token_source.rs", "async fn f() { tokio::select! { () = g() => tracing::info!(\"x\") } }", ""),
    (
        "src/adapters/store/sqlite/rows.rs",
        "use super::schema::llm_providers;\n#[derive(diesel::Queryable)] struct Row;",
        "",
    ),
    ("src/adapters/http/dto.rs", "use crate::app::logout::Logout; use crate::adapters::http::problem;", ""),
    ("src/adapters/http/mod.rs", "use crate::adapters::serving::serve;", ""),
    ("src/adapters/callback/mod.rs", "use crate::adapters::serving::serve;", ""),
    ("src/bootstrap/mod.rs", "use crate::{adapters::{cli, store}, app};", ""),
    ("src/main.rs", "fn main() -> std::process::ExitCode { goclaw::bootstrap::main() }", ""),
    // Comments, literals and look-alikes are not paths.
    ("src/domain/ids.rs", "// diesel::x\n/// See diesel::x\n/* reqwest::Client */ const X: &str = \"diesel::x\";", ""),
    ("src/domain/ids.rs", "fn f(diesel: u8) -> u8 { a.diesel::<u8>() + <T as Read>::diesel::<u8>() + diesel }", ""),
    ("src/domain/ids.rs", "#[expect(clippy::indexing_slicing, reason = \"tokio::net\")] fn f() {}", ""),
    ("src/domain/ids.rs", "macro_rules! m { ($a:ident) => { $a::new($crate::domain::ids::X) } }", ""),
    // A forbidden dependency in every form of a path.
    ("src/domain/ids.rs", "use diesel::Queryable;", "`diesel::Queryable` is not for"),
    ("src/domain/ids.rs", "use diesel;", "`diesel` is not for"),
    ("src/domain/ids.rs", "use diesel as d;", "`diesel` is not for"),
    ("src/domain/ids.rs", "extern crate diesel as d;", "`diesel` is not for"),
    (
        "src/domain/ids.rs",
        "use {serde::Serialize, diesel::{prelude::*, sql_types::Text}};",
        "`diesel::sql_types::Text` is not",
    ),
    ("src/domain/ids.rs", "fn f() -> ::diesel::QueryResult<()> {}", "`diesel::QueryResult` is not for"),
    ("src/domain/ids.rs", "fn f(x: &mut ::diesel::X) {}", "`diesel::X` is not for"),
    ("src/domain/ids.rs", "fn f() { r#diesel::x() }", "`diesel::x` is not for"),
    ("src/domain/ids.rs", "fn f() -> Vec<Option<diesel::X>> {}", "`diesel::X` is not for"),
    ("src/domain/ids.rs", "#[derive(Clone, diesel::Queryable)] struct S;", "`diesel::Queryable` is not for"),
    ("src/domain/ids.rs", "#[diesel::x] struct S;", "`diesel::x` is not for"),
    (
        "src/domain/ids.rs",
        "fn f() { vec![format!(\"{}\", diesel::x())] }",
        "src/domain/ids.rs:2: `diesel::x` is not for",
    ),
    ("src/domain/ids.rs", "macro_rules! m { () => { diesel::x() } }", "`diesel::x` is not for"),
    ("src/domain/ids.rs", "use unlisted_crate::X;", "`unlisted_crate::X` is not for"),
    ("src/adapters/store/mod.rs", "use reqwest::Client;", "`reqwest::Client` is not for"),
    ("src/adapters/http/mod.rs", "use diesel_async::AsyncConnection;", "`diesel_async::AsyncConnection` is not for"),
    ("src/bootstrap/mod.rs", "use poem::Route;", "`poem::Route` is not for"),
    ("src/main.rs", "use goclaw::adapters::store;", "`goclaw::adapters::store` is not for"),
    ("src/lib.rs", "pub use serde::Serialize;", "`serde::Serialize` is not for"),
    // Paths inside an allowed crate.
    ("src/domain/ids.rs", "use std::{fmt, time::{Duration, SystemTime}};", "`std::time::SystemTime` is not for"),
    ("src/app/logout.rs", "fn f() { std::time::Instant::now(); }", "`std::time::Instant::now` is not for"),
    ("src/app/logout.rs", "use std::time; fn f() { time::Instant::now(); }", "`std::time` is not for"),
    ("src/app/logout.rs", "use std as s; fn f() { s::fs::read(p); }", "`std` is not for"),
    ("src/app/logout.rs", "use std::*;", "`std::*` is not for"),
    ("src/app/logout.rs", "async fn f() { tokio::time::sleep(d).await }", "`tokio::time::sleep` is not for"),
    ("src/app/logout.rs", "use tokio::{self as t, sync::Mutex};", "`tokio` is not for"),
    ("src/adapters/http/mod.rs", "fn f() { std::env::var(\"X\"); }", "`std::env::var` is not for"),
    ("src/ports/clock.rs", "use std::net::{IpAddr, TcpStream};", "`std::net::TcpStream` is not for"),
    // Imports against the layer order.
    ("src/domain/ids.rs", "use crate::ports::clock::Clock;", "`crate::ports::clock::Clock` is not for"),
    ("src/domain/mod.rs", "use super::ports;", "`crate::ports` is not for"),
    ("src/domain/ids.rs", "use crate as c;", "`crate` is not for"),
    ("src/ports/clock.rs", "use crate::app::logout;", "`crate::app::logout` is not for"),
    ("src/app/logout.rs", "fn f(x: crate::adapters::store::Store) {}", "`crate::adapters::store::Store` is not for"),
    ("src/adapters/oauth/mod.rs", "use crate::app::vault::Vault;", "`crate::app::vault::Vault` is not for"),
    ("src/adapters/http/mod.rs", "use crate::adapters::store::Store;", "`crate::adapters::store::Store` is not for"),
    ("src/adapters/http/mod.rs", "use super::store::Store;", "`crate::adapters::store::Store` is not for"),
    ("src/adapters/cli/mod.rs", "use crate::adapters; fn f() { adapters::http::g() }", "`crate::adapters` is not for"),
    ("src/adapters/store/mod.rs", "use crate::adapters::serving;", "`crate::adapters::serving` is not for"),
    ("src/adapters/new_thing/mod.rs", "", "no layer covers this file"),
    // Attempts to bypass the check.
    ("src/adapters/http/dto/model.rs", "use super::super::problem;", "`super::super::` hides"),
    ("src/domain/mod.rs", "mod config;", "the name `config` is a dependency's"),
    ("src/domain/ids.rs", "use crate::domain::time as url;", "the name `url` is a dependency's"),
    ("src/domain/ids.rs", "#[path = \"../adapters/store/mod.rs\"] mod store;", "`#[path]` puts"),
    ("src/adapters/store/sqlite/mod.rs", "#[path = \"../queries/mod.rs\"] mod queries;", ""),
    ("src/adapters/store/sqlite/mod.rs", "#[path = \"../../../app/mod.rs\"] mod app;", "`#[path]` puts"),
    ("src/domain/ids.rs", "include!(\"../adapters/store/mod.rs\");", "`include!` puts"),
    // An item under `cfg(test)` may also use what the layer's `in_tests` lists.
    ("src/ports/clock.rs", "#[cfg_attr(test, mockall::automock)] trait Clock {}", ""),
    ("src/ports/clock.rs", "#[mockall::automock] trait Clock {}", "`mockall::automock` is not for"),
    ("src/app/logout.rs", "#[cfg(test)] mod tests { use super::*; #[tokio::test] async fn f() {} }", ""),
    ("src/app/logout.rs", "#![cfg(test)]\nuse mockall::predicate;", ""),
    (
        "src/app/logout.rs",
        "#[cfg(test)] use mockall::predicate; use mockall::Sequence;",
        "`mockall::Sequence` is not for",
    ),
    ("src/app/logout.rs", "#[cfg(not(test))] use mockall::predicate;", "`mockall::predicate` is not for"),
    (
        "src/app/logout.rs",
        "#[cfg(test)] mod tests { use crate::adapters::store; }",
        "`crate::adapters::store` is not for",
    ),
    // Secrets.
    ("src/app/tokens/vault.rs", "use secrecy::ExposeSecret; fn f() { t.expose_secret(); }", ""),
    ("src/adapters/oauth/form.rs", "fn f() { t.expose_secret(); }", ""),
    ("src/app/logout.rs", "#[cfg(test)] mod tests { fn f() { t.expose_secret(); } }", ""),
    ("src/app/logout.rs", "fn f() { t.expose_secret(); }", "`expose_secret` opens a secret"),
    ("src/app/logout.rs", "use secrecy::{ExposeSecret as _, SecretString};", "`ExposeSecret` opens a secret"),
    (
        "src/adapters/http/dto.rs",
        "fn f() { info!(x = %SecretString::expose_secret(&t)); }",
        "`expose_secret` opens a secret",
    ),
    // Formatting rules.
    ("src/domain/ids.rs", "// TODO(#12): later; prefix XXXL is fine", ""),
    ("src/domain/ids.rs", "// TODO later", "a TODO without"),
    ("src/domain/ids.rs", "struct S; ", "src/domain/ids.rs:2: trailing whitespace"),
    ("src/domain/ids.rs", "fn f( {", "does not lex"),
    ("src/lib.rs", "#[cfg(feature = \"adapters\")]\npub mod adapters;", ""),
    ("src/lib.rs", "pub fn f() {}", "only declares modules"),
];

#[test]
fn each_source_has_the_expected_finding() {
    let mut wrong = Vec::new();
    for (file, source, expected) in CASES {
        let found = problems(file, &format!("//! A case.\n{source}\n"), &BTreeSet::new());
        let as_expected =
            if expected.is_empty() { found.is_empty() } else { found.iter().any(|problem| problem.contains(expected)) };
        if !as_expected {
            wrong.push(format!("{file}: {source}\n    expected {expected:?}, found {found:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), CASES.len(), wrong.join("\n"));
}

#[test]
fn a_file_needs_a_module_doc_and_a_limited_length() {
    let none = BTreeSet::new();
    let long = format!("//! Long.\n{}", "\n".repeat(MAX_LINES));
    assert!(
        problems("src/domain/ids.rs", "struct S;\n", &none).iter().any(|problem| problem.contains("opens without"))
    );
    assert!(problems("src/domain/ids.rs", &long, &none).iter().any(|problem| problem.contains("longer than")));
}

#[test]
fn a_test_module_in_its_own_file_may_use_test_dependencies() {
    let tests = BTreeSet::from(["app::logout::tests".to_owned()]);
    let source = "//! Tests.\nuse mockall::predicate;\n";
    assert!(problems("src/app/logout/tests.rs", source, &tests).is_empty());
    assert!(!problems("src/app/logout/other.rs", source, &tests).is_empty());
}
