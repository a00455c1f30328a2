INSERT INTO api_tokens (id, name, scope, digest, created_at, expires_at)
VALUES ('ffeeddccbbaa99887766554433221100', 'page', 'page', 'y-digest', 1800000000000, 1800001800000);
