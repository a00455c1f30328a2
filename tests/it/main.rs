//! The gateway's behaviour, through its doors: the use cases with fakes that behave, the adapters against the real thing,
//! and whole processes driven as their users drive them. One binary, so that it links once.

// Says to clippy that all of it is test code, helpers included.
#![cfg(test)]

mod support;

// Use cases, with fakes.
mod app_accounts;
mod app_forward;
mod app_login;
mod app_refresh;
mod app_sessions;
mod port_calls;

// Adapters, against the real thing.
mod http_edge;
mod migrations;
mod oauth_endpoint;
mod openapi;
mod port_contracts;
mod settings;
mod store_contract;
mod store_properties;
mod stored_words;
mod token_journal;
mod upstream;

// Whole processes.
mod browser;
mod callback_listener;
mod canaries;
mod chat;
mod cli;
mod first_start;
mod fixed_words;
mod hardening;
mod models;
mod page;
mod page_sessions;
mod proxy;
mod replicas;
mod sdks;
mod sign_in;
mod tokens;
mod webhook;
