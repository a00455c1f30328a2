-- What a provider's API said last about an account. Beside the account's row, because a refresh may hold that one's lease.
CREATE TABLE provider_feedback (
    provider TEXT NOT NULL PRIMARY KEY
  , login_id TEXT NOT NULL -- what was said about an earlier login does not count
  , said     JSONB NOT NULL -- JSON
);

ALTER TABLE change_feed ADD COLUMN feedback TEXT NOT NULL DEFAULT '';
CREATE TRIGGER feedback_changed AFTER INSERT OR UPDATE OR DELETE ON provider_feedback
    FOR EACH ROW EXECUTE FUNCTION note_change('feedback');

-- The provider's code of an event `refused`.
ALTER TABLE credential_events ADD COLUMN code TEXT;
