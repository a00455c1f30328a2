//! diesel's definitions of the tables. SQLite and PostgreSQL have the same ones, except where noted.

diesel::table! {
    llm_providers (id) {
        id -> Text,
        name -> Text,
        display_name -> Nullable<Text>,
        provider_type -> Text,
        api_base -> Text,
        api_key -> Text,
        enabled -> Bool,
        settings -> crate::adapters::store::json_text::JsonText,
        login_id -> Text,
        generation -> BigInt,
        created_at -> BigInt,
        updated_at -> BigInt,
        state -> Text,
        attempt -> BigInt,
        failures -> BigInt,
        lease_id -> Nullable<Text>,
        lease_until -> Nullable<BigInt>,
        sent_at -> Nullable<BigInt>,
        next_attempt_at -> Nullable<BigInt>,
        cause -> Nullable<Text>,
        revision -> BigInt,
    }
}

diesel::table! {
    responses (id) {
        id -> Text,
        owner -> Text,
        previous -> Nullable<Text>,
        content -> Text,
        size -> BigInt,
        used_at -> BigInt,
    }
}

diesel::table! {
    response_items (item, response) {
        item -> Text,
        response -> Text,
    }
}

diesel::table! {
    requests (number) {
        number -> BigInt,
        id -> Text,
        trace_id -> Nullable<Text>,
        at -> BigInt,
        method -> Text,
        route -> Text,
        status -> BigInt,
        ending -> Text,
        program -> Nullable<Text>,
        account -> Nullable<Text>,
        model -> Nullable<Text>,
        input -> Nullable<BigInt>,
        cached -> Nullable<BigInt>,
        output -> Nullable<BigInt>,
        first_byte_ms -> Nullable<BigInt>,
        total_ms -> BigInt,
        sent_bytes -> BigInt,
    }
}

diesel::table! {
    usage (day, program, account, model) {
        day -> BigInt,
        program -> Text,
        account -> Text,
        model -> Text,
        requests -> BigInt,
        failures -> BigInt,
        input -> BigInt,
        cached -> BigInt,
        output -> BigInt,
    }
}

diesel::allow_tables_to_appear_in_same_query!(llm_providers, config_secrets);

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
        client -> crate::adapters::store::json_text::JsonText,
        outcome -> Text,
        outcome_at -> BigInt,
        started_at -> BigInt,
        expires_at -> BigInt,
        detail -> Nullable<Text>,
        replace_account -> Bool,
        tokens -> Nullable<Text>,
    }
}

diesel::table! {
    revocations (id) {
        id -> Text,
        provider -> Text,
        provider_type -> Text,
        login_id -> Text,
        token -> Text,
        client -> crate::adapters::store::json_text::JsonText,
        created_at -> BigInt,
        next_attempt_at -> BigInt,
        user_id -> Nullable<Text>,
    }
}

diesel::table! {
    credential_events (id) {
        id -> BigInt,
        provider -> Text,
        login_id -> Text,
        generation -> BigInt,
        #[sql_name = "happening"]
        kind -> Text,
        cause -> Nullable<Text>,
        code -> Nullable<Text>,
        at -> BigInt,
    }
}

diesel::table! {
    api_tokens (id) {
        id -> Text,
        name -> Text,
        scope -> Text,
        digest -> Text,
        created_at -> BigInt,
        expires_at -> Nullable<BigInt>,
        mac -> Nullable<Text>,
        parent -> Nullable<Text>,
        ends_at -> Nullable<BigInt>,
        last_used_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    audit_log (id) {
        id -> BigInt,
        at -> BigInt,
        actor -> Text,
        address -> Nullable<Text>,
        request_id -> Nullable<Text>,
        action -> Text,
        subject -> Text,
        result -> Text,
        detail -> Nullable<Text>,
        digest -> Text,
        mark -> Text,
    }
}

diesel::table! {
    change_feed (id) {
        id -> Integer,
        accounts -> Text,
        logins -> Text,
        api_tokens -> Text,
        keys -> Text,
        feedback -> Text,
    }
}

diesel::table! {
    provider_feedback (provider) {
        provider -> Text,
        login_id -> Text,
        said -> crate::adapters::store::json_text::JsonText,
    }
}

diesel::table! {
    replicas (name) {
        name -> Text,
        seen_at -> BigInt,
        records -> crate::adapters::store::json_text::JsonText,
    }
}

diesel::table! {
    key_checks (key_id) {
        key_id -> Text,
        value -> Text,
        created_at -> BigInt,
    }
}

diesel::table! {
    /// Only in SQLite.
    machine_clock (id) {
        id -> Integer,
        boot_id -> Text,
        wall_ahead -> BigInt,
    }
}
