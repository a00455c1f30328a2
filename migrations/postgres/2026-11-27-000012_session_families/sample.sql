INSERT INTO api_tokens (id, name, scope, digest, created_at, expires_at, mac, parent, ends_at)
VALUES ('a-link', 'page', 'link', 'its-digest', 1800000000000, 1800000600000, 'v2:key:mark', 'a-session', 1800003600000);
