INSERT INTO provider_feedback (provider, login_id, said)
VALUES ('openai-codex', 'a-login', '{"refusal": {"code": "deactivated_workspace", "source": "prompt"}, "limit": {"window": "primary", "until": 1800000600000}}');
INSERT INTO credential_events (provider, login_id, generation, happening, cause, code, at)
VALUES ('openai-codex', 'a-login', 0, 'refused', NULL, 'deactivated_workspace', 1800000000000);
