-- Refresh tokens to revoke. A row is deleted when the provider confirms the revocation, or after a day.
CREATE TABLE revocations (
    id              TEXT    NOT NULL PRIMARY KEY
  , provider        TEXT    NOT NULL
  , provider_type   TEXT    NOT NULL
  , login_id        TEXT    NOT NULL
  , token           TEXT    NOT NULL -- sealed, as in config_secrets
  , client          JSONB   NOT NULL -- JSON: the OAuth client that revokes it
  , created_at      BIGINT  NOT NULL
  , next_attempt_at BIGINT  NOT NULL
);

CREATE INDEX revocations_due ON revocations (next_attempt_at);
