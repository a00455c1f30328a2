//! Tests of use cases with fakes, of adapters, and of whole processes. One binary needs to be linked only once.

// Makes Clippy treat helpers as test code.
#![cfg(test)]

mod support;

// Use cases, with fakes.
mod app_access;
mod app_accounts;
mod app_backend_quirks;
mod app_doubt;
mod app_feedback;
mod app_forward;
mod app_keys;
mod app_late_responses;
mod app_login;
mod app_lookup;
mod app_memory;
mod app_prompt_cache;
mod app_refresh;
mod app_requests;
mod app_restore;
mod app_rotating_cookie;
mod app_sessions;
mod app_tool_loops;
mod app_unreadable;
mod port_calls;

// Adapters, most of them with real sockets, files and databases.
mod archives;
mod config_file;
mod contract;
mod hostile_texts;
mod http_api;
mod http_edge;
mod http_wire;
mod https_edge;
mod migrations;
mod oauth_endpoint;
mod openapi;
mod page_files;
mod port_contracts;
mod seal_vectors;
mod secret_files;
mod settings;
mod store_contract;
mod store_properties;
mod stored_words;
mod token_journal;
mod upstream;
mod upstream_http2;

// Mostly whole processes.
mod audit;
mod backups;
mod base_path;
mod browser;
mod callback_listener;
mod canaries;
mod chat;
mod cli;
mod cross_origin;
mod data_folder;
mod database_writer;
mod demo;
mod feedback;
mod first_start;
mod fixed_words;
mod hardening;
mod https;
mod key_rotation;
mod mixed_versions;
mod model_names;
mod model_streams;
mod models;
mod moves;
mod other_endpoints;
mod outbound_proxy;
mod page;
mod page_sessions;
mod postgres_tls;
mod proxy;
mod replicas;
mod restore;
mod service_manager;
mod sign_in;
mod stopping;
mod store_trouble;
mod stored_responses;
mod take_overs;
mod tls;
mod token_rotation;
mod token_scopes;
mod tokens;
mod unreadable_reasoning;
mod unreadable_rows;
mod watching;
mod webhook;
