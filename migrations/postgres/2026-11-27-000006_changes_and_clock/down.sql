DROP TRIGGER accounts_changed ON credential_events;
DROP TRIGGER logins_changed ON login_sessions;
DROP TRIGGER api_tokens_changed ON api_tokens;
DROP TRIGGER keys_changed ON key_checks;
DROP FUNCTION note_change;
DROP TABLE change_feed;
