ALTER TABLE api_tokens DROP COLUMN parent;
ALTER TABLE api_tokens DROP COLUMN ends_at;
