-- What each gateway last said of its token journal: how many records each encryption key has sealed.
CREATE TABLE replicas (
    name    TEXT NOT NULL PRIMARY KEY -- host and data folder
  , seen_at BIGINT NOT NULL -- Unix milliseconds
  , records JSONB NOT NULL -- numbers by key id
);
