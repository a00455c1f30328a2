-- Who changed what, when, and from where. Each digest covers the row and the digest before it; each mark authenticates a
-- digest with an encryption key.
CREATE TABLE audit_log (
    id         INTEGER NOT NULL PRIMARY KEY
  , at         INTEGER NOT NULL
  , actor      TEXT    NOT NULL
  , address    TEXT
  , request_id TEXT
  , action     TEXT    NOT NULL
  , subject    TEXT    NOT NULL
  , result     TEXT    NOT NULL
  , detail     TEXT
  , digest     TEXT    NOT NULL
  , mark       TEXT    NOT NULL
) STRICT;
CREATE INDEX audit_log_at ON audit_log (at);
