//! The tables as diesel sees them in SQLite: JSON is text there, so that any tool can read it.

diesel::table! {
    llm_providers (id) {
        id -> Text,
        name -> Text,
        display_name -> Nullable<Text>,
        provider_type -> Text,
        api_base -> Text,
        api_key -> Text,
        enabled -> Bool,
        settings -> Text,
        login_id -> Text,
        generation -> BigInt,
        created_at -> BigInt,
        updated_at -> BigInt,
    }
}

diesel::table! {
    config_secrets (key) {
        key -> Text,
        value -> Text,
        created_at -> BigInt,
        updated_at -> BigInt,
    }
}

diesel::table! {
    login_sessions (id) {
        id -> Text,
        state_digest -> Text,
        state -> Text,
        verifier -> Text,
        provider -> Text,
        provider_type -> Text,
        display_name -> Nullable<Text>,
        principal -> Text,
        client -> Text,
        outcome -> Text,
        outcome_at -> BigInt,
        started_at -> BigInt,
        expires_at -> BigInt,
    }
}
