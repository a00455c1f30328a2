INSERT INTO api_tokens (id, name, scope, digest, created_at, expires_at, mac)
VALUES ('eeddccbbaa99887766554433221100ff', 'editor', 'proxy', 'z-digest', 1800000000000, NULL, 'v2:key:mark');
INSERT INTO key_checks (key_id, value, created_at) VALUES ('key', 'v2:key:check', 1800000000000);
