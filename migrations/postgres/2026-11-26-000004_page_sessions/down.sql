DELETE FROM api_tokens WHERE expires_at IS NOT NULL;
ALTER TABLE api_tokens DROP COLUMN expires_at;
