-- What a provider's API said last about an account. Beside the account's row, because a refresh may hold that one's lease.
CREATE TABLE provider_feedback (
    provider TEXT NOT NULL PRIMARY KEY
  , login_id TEXT NOT NULL -- what was said about an earlier login does not count
  , said     TEXT NOT NULL -- JSON
) STRICT;

ALTER TABLE change_feed ADD COLUMN feedback TEXT NOT NULL DEFAULT '';
CREATE TRIGGER feedback_inserted AFTER INSERT ON provider_feedback BEGIN
    UPDATE change_feed SET feedback = hex(randomblob(8));
END;
CREATE TRIGGER feedback_updated AFTER UPDATE ON provider_feedback BEGIN
    UPDATE change_feed SET feedback = hex(randomblob(8));
END;
CREATE TRIGGER feedback_deleted AFTER DELETE ON provider_feedback BEGIN
    UPDATE change_feed SET feedback = hex(randomblob(8));
END;

-- The provider's code of an event `refused`.
ALTER TABLE credential_events ADD COLUMN code TEXT;
