-- Authenticates every value of the row. NULL: the row is older than this column and grants nothing until it is adopted.
ALTER TABLE api_tokens ADD COLUMN mac TEXT;

-- A constant, sealed with each key in use. A gateway that opens none of them has the wrong key.
CREATE TABLE key_checks (
    key_id     TEXT    NOT NULL PRIMARY KEY
  , value      TEXT    NOT NULL -- sealed
  , created_at INTEGER NOT NULL
) STRICT;
