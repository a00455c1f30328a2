-- API tokens of programs. Only their digests are stored.
CREATE TABLE api_tokens (
    id         TEXT    NOT NULL PRIMARY KEY
  , name       TEXT    NOT NULL
  , scope      TEXT    NOT NULL
  , digest     TEXT    NOT NULL UNIQUE -- SHA-256, base64url
  , created_at INTEGER NOT NULL
) STRICT;
