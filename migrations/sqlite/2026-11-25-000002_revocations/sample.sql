INSERT INTO revocations (id, provider, provider_type, login_id, token, client, created_at, next_attempt_at)
VALUES ('00112233445566778899aabbccddeeff', 'openai-codex', 'openai-codex', '0123456789abcdef0123456789abcdef', 'v1:key:sealed',
        '{}', 1800000000000, 1800000000000);
