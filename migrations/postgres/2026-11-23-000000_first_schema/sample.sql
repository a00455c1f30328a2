INSERT INTO llm_providers (id, name, provider_type, api_base, api_key, settings, login_id, created_at, updated_at)
VALUES ('01987654-0000-7000-8000-000000000000', 'openai-codex', 'openai-codex', 'https://chatgpt.com/backend-api',
        'v1:0123456789abcdef:AAAA', '{"auth_method": "oauth", "obtained_at": 1800000000, "expires_at": 1800600000}',
        '0123456789abcdef0123456789abcdef', 1800000000000, 1800000000000);
INSERT INTO config_secrets (key, value, created_at, updated_at)
VALUES ('oauth.openai-codex.refresh_token', 'v1:0123456789abcdef:AAAA', 1800000000000, 1800000000000);
INSERT INTO login_sessions (id, state_digest, state, verifier, provider, provider_type, principal, client, outcome_at,
                            started_at, expires_at)
VALUES ('0123456789abcdef0123456789abcdef', 'digest', 'v1:0123456789abcdef:AAAA', 'v1:0123456789abcdef:AAAA',
        'openai-codex', 'openai-codex', 'gateway-token', '{}', 1800000000000, 1800000000000, 1800000360000);
