-- Responses for later requests that refer to them, sealed. Beside a SQLite database they are in a file of its own with the
-- same schema, so that no refresh waits for their writer.
CREATE TABLE responses (
    id       TEXT    NOT NULL PRIMARY KEY
  , owner    TEXT    NOT NULL -- the principal that got it
  , previous TEXT -- the response that it continues
  , content  TEXT    NOT NULL -- sealed JSON
  , size     INTEGER NOT NULL -- bytes of the content
  , used_at  INTEGER NOT NULL -- Unix milliseconds
) STRICT;
CREATE INDEX responses_by_owner ON responses (owner, used_at, size);
CREATE INDEX responses_by_use ON responses (used_at, size);

-- The items in the outputs of responses.
CREATE TABLE response_items (
    item     TEXT NOT NULL
  , response TEXT NOT NULL REFERENCES responses (id) ON DELETE CASCADE
  , PRIMARY KEY (item, response)
) STRICT;
CREATE INDEX response_items_by_response ON response_items (response);
