-- Refresh tokens to revoke. A row is deleted when the provider confirms the revocation, or after a day.
CREATE TABLE revocations (
    id              TEXT    NOT NULL PRIMARY KEY
  , provider        TEXT    NOT NULL
  , provider_type   TEXT    NOT NULL
  , login_id        TEXT    NOT NULL
  , token           TEXT    NOT NULL -- sealed, as in config_secrets
  , client          TEXT    NOT NULL -- JSON: the OAuth client that revokes it
  , created_at      INTEGER NOT NULL
  , next_attempt_at INTEGER NOT NULL
) STRICT;

CREATE INDEX revocations_due ON revocations (next_attempt_at);
