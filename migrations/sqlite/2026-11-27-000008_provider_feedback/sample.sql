INSERT INTO provider_feedback (provider, login_id, said)
VALUES ('openai-codex', 'a-login', '{"limit": {"window": "primary", "until": 1800000600000}}');
