-- The session whose link a link or session comes from. It ends with that one. NULL: the gateway's token opened it.
ALTER TABLE api_tokens ADD COLUMN parent TEXT;
-- The latest end of a session, and of what comes from it, in Unix milliseconds. NULL: not known.
ALTER TABLE api_tokens ADD COLUMN ends_at INTEGER;
