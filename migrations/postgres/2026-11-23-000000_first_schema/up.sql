-- Accounts. Times are milliseconds since the Unix epoch; the times in `settings` are seconds.
CREATE TABLE llm_providers (
    id            TEXT    NOT NULL PRIMARY KEY
  , name          TEXT    NOT NULL UNIQUE
  , display_name  TEXT
  , provider_type TEXT    NOT NULL
  , api_base      TEXT    NOT NULL
  , api_key       TEXT    NOT NULL -- sealed: access token, session token or API key
  , enabled       BOOLEAN NOT NULL DEFAULT TRUE
  , settings      JSONB   NOT NULL DEFAULT '{}'
  , login_id      TEXT    NOT NULL
  , generation    BIGINT  NOT NULL DEFAULT 0
  , created_at    BIGINT  NOT NULL
  , updated_at    BIGINT  NOT NULL
);

-- Refresh tokens, under `oauth.<provider name>.refresh_token`.
CREATE TABLE config_secrets (
    key        TEXT   NOT NULL PRIMARY KEY
  , value      TEXT   NOT NULL -- sealed
  , created_at BIGINT NOT NULL
  , updated_at BIGINT NOT NULL
);

-- Pending logins, and ended ones with their outcome.
CREATE TABLE login_sessions (
    id            TEXT   NOT NULL PRIMARY KEY
  , state_digest  TEXT   NOT NULL UNIQUE
  , state         TEXT   NOT NULL -- sealed
  , verifier      TEXT   NOT NULL -- sealed
  , provider      TEXT   NOT NULL
  , provider_type TEXT   NOT NULL
  , display_name  TEXT
  , principal     TEXT   NOT NULL
  , client        JSONB  NOT NULL -- the OAuth client it was started with, redirect_uri included
  , outcome       TEXT   NOT NULL DEFAULT 'pending'
  , outcome_at    BIGINT NOT NULL
  , started_at    BIGINT NOT NULL
  , expires_at    BIGINT NOT NULL
);

-- At most one login is pending for an account and principal.
CREATE UNIQUE INDEX login_sessions_one_pending ON login_sessions (provider, principal) WHERE outcome = 'pending';
CREATE INDEX login_sessions_latest ON login_sessions (provider, principal, started_at);
