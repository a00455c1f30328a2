-- Tells replicas what has changed: one row, with a random mark for each subject. Triggers replace the marks, so that no
-- writer can forget it.
CREATE TABLE change_feed (
    id         INTEGER NOT NULL PRIMARY KEY CHECK (id = 1)
  , accounts   TEXT    NOT NULL DEFAULT ''
  , logins     TEXT    NOT NULL DEFAULT ''
  , api_tokens TEXT    NOT NULL DEFAULT ''
  , keys       TEXT    NOT NULL DEFAULT ''
) STRICT;
INSERT INTO change_feed (id) VALUES (1);

CREATE TRIGGER accounts_changed AFTER INSERT ON credential_events BEGIN
    UPDATE change_feed SET accounts = hex(randomblob(8));
END;
CREATE TRIGGER login_inserted AFTER INSERT ON login_sessions BEGIN
    UPDATE change_feed SET logins = hex(randomblob(8));
END;
CREATE TRIGGER login_updated AFTER UPDATE ON login_sessions BEGIN
    UPDATE change_feed SET logins = hex(randomblob(8));
END;
CREATE TRIGGER api_token_inserted AFTER INSERT ON api_tokens BEGIN
    UPDATE change_feed SET api_tokens = hex(randomblob(8));
END;
CREATE TRIGGER api_token_updated AFTER UPDATE ON api_tokens BEGIN
    UPDATE change_feed SET api_tokens = hex(randomblob(8));
END;
CREATE TRIGGER api_token_deleted AFTER DELETE ON api_tokens BEGIN
    UPDATE change_feed SET api_tokens = hex(randomblob(8));
END;
CREATE TRIGGER key_inserted AFTER INSERT ON key_checks BEGIN
    UPDATE change_feed SET keys = hex(randomblob(8));
END;

-- How far the wall clock is ahead of the time since the machine's last start, in milliseconds. A change means that the
-- clock was set. PostgreSQL has one clock for all gateways.
CREATE TABLE machine_clock (
    id         INTEGER NOT NULL PRIMARY KEY CHECK (id = 1)
  , boot_id    TEXT    NOT NULL
  , wall_ahead INTEGER NOT NULL
) STRICT;
