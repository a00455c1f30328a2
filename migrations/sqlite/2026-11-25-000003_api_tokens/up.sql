-- Tokens that the gateway's owner gave to programs: digests only, the tokens themselves are kept nowhere.
CREATE TABLE api_tokens (
    id         TEXT    NOT NULL PRIMARY KEY
  , name       TEXT    NOT NULL
  , scope      TEXT    NOT NULL
  , digest     TEXT    NOT NULL UNIQUE -- SHA-256, base64url
  , created_at INTEGER NOT NULL
) STRICT;
