-- The state of an account's refresh: see docs/refresh.md.
ALTER TABLE llm_providers ADD COLUMN state TEXT NOT NULL DEFAULT 'active';
ALTER TABLE llm_providers ADD COLUMN attempt BIGINT NOT NULL DEFAULT 0;
ALTER TABLE llm_providers ADD COLUMN failures BIGINT NOT NULL DEFAULT 0;
ALTER TABLE llm_providers ADD COLUMN lease_id TEXT;
ALTER TABLE llm_providers ADD COLUMN lease_until BIGINT;
ALTER TABLE llm_providers ADD COLUMN sent_at BIGINT;
ALTER TABLE llm_providers ADD COLUMN next_attempt_at BIGINT;
ALTER TABLE llm_providers ADD COLUMN cause TEXT;
-- The id of the last event that changed the row.
ALTER TABLE llm_providers ADD COLUMN revision BIGINT NOT NULL DEFAULT 0;

-- The history of accounts. Ids grow in the order of the commits; replicas use them to follow each other's changes.
CREATE TABLE credential_events (
    id         BIGINT NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY
  , provider   TEXT    NOT NULL
  , login_id   TEXT    NOT NULL
  , generation BIGINT NOT NULL
  , happening  TEXT    NOT NULL
  , cause      TEXT
  , at         BIGINT NOT NULL
);

CREATE INDEX credential_events_of_provider ON credential_events (provider, id);
