DROP TRIGGER feedback_changed ON provider_feedback;
ALTER TABLE change_feed DROP COLUMN feedback;
DROP TABLE provider_feedback;
ALTER TABLE credential_events DROP COLUMN code;
