-- When a program last used its token, to the hour, in Unix milliseconds. NULL: not since this column exists.
ALTER TABLE api_tokens ADD COLUMN last_used_at INTEGER;
