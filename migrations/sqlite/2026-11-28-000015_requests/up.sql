-- Records of requests, if they are kept (setting requests.keep), and what programs have used. They are beside the remembered
-- responses, so that no refresh waits for their writer.
CREATE TABLE requests (
    number        INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT
  , id            TEXT    NOT NULL -- X-Request-Id
  , trace_id      TEXT -- of its traceparent
  , at            INTEGER NOT NULL -- Unix milliseconds
  , method        TEXT    NOT NULL
  , route         TEXT    NOT NULL
  , status        INTEGER NOT NULL
  , ending        TEXT    NOT NULL -- complete, caller_left or broken
  , program       TEXT -- the name of the program's token
  , account       TEXT
  , model         TEXT
  , input         INTEGER -- tokens
  , cached        INTEGER
  , output        INTEGER
  , first_byte_ms INTEGER
  , total_ms      INTEGER NOT NULL
  , sent_bytes    INTEGER NOT NULL
) STRICT;
CREATE INDEX requests_by_time ON requests (at);

CREATE TABLE usage (
    day      INTEGER NOT NULL -- since 1970-01-01 in UTC
  , program  TEXT    NOT NULL
  , account  TEXT    NOT NULL
  , model    TEXT    NOT NULL -- empty for requests that name none
  , requests INTEGER NOT NULL
  , failures INTEGER NOT NULL
  , input    INTEGER NOT NULL -- tokens
  , cached   INTEGER NOT NULL
  , output   INTEGER NOT NULL
  , PRIMARY KEY (day, program, account, model)
) STRICT;
