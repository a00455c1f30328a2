INSERT INTO api_tokens (id, name, scope, digest, created_at)
VALUES ('00112233445566778899aabbccddeeff', 'editor', 'proxy', 'x-digest', 1800000000000);
