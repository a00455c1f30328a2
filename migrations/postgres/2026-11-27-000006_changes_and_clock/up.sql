-- Tells replicas what has changed: one row, with a random mark for each subject. Triggers replace the marks, so that no
-- writer can forget it.
CREATE TABLE change_feed (
    id         INTEGER NOT NULL PRIMARY KEY CHECK (id = 1)
  , accounts   TEXT    NOT NULL DEFAULT ''
  , logins     TEXT    NOT NULL DEFAULT ''
  , api_tokens TEXT    NOT NULL DEFAULT ''
  , keys       TEXT    NOT NULL DEFAULT ''
);
INSERT INTO change_feed (id) VALUES (1);

-- The argument of the trigger is the subject.
CREATE FUNCTION note_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('UPDATE change_feed SET %I = gen_random_uuid()::text', TG_ARGV[0]);
    RETURN NULL;
END $$;

CREATE TRIGGER accounts_changed AFTER INSERT ON credential_events
    FOR EACH STATEMENT EXECUTE FUNCTION note_change('accounts');
CREATE TRIGGER logins_changed AFTER INSERT OR UPDATE ON login_sessions
    FOR EACH STATEMENT EXECUTE FUNCTION note_change('logins');
CREATE TRIGGER api_tokens_changed AFTER INSERT OR UPDATE OR DELETE ON api_tokens
    FOR EACH STATEMENT EXECUTE FUNCTION note_change('api_tokens');
CREATE TRIGGER keys_changed AFTER INSERT ON key_checks
    FOR EACH STATEMENT EXECUTE FUNCTION note_change('keys');
