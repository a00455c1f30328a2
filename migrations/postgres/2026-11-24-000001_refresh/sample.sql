UPDATE llm_providers
SET state = 'refreshing', attempt = 1, lease_id = 'fedcba9876543210fedcba9876543210', lease_until = 1800000060000,
    sent_at = 1800000000000, revision = 1;
INSERT INTO credential_events (provider, login_id, generation, happening, cause, at)
VALUES ('openai-codex', '0123456789abcdef0123456789abcdef', 0, 'refresh_started', NULL, 1800000000000);
