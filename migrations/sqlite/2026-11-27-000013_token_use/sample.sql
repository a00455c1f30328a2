INSERT INTO api_tokens (id, name, scope, digest, created_at, mac, last_used_at)
VALUES ('a-used-token', 'editor', 'models proxy:suno', 'the-digest-of-it', 1800000000000, 'v2:key:mark', 1800000600000);
