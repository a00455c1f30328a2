DROP TRIGGER feedback_inserted;
DROP TRIGGER feedback_updated;
DROP TRIGGER feedback_deleted;
ALTER TABLE change_feed DROP COLUMN feedback;
DROP TABLE provider_feedback;
ALTER TABLE credential_events DROP COLUMN code;
