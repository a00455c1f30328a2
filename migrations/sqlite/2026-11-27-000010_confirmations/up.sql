-- Whether a login may replace the account of another user or workspace without asking.
ALTER TABLE login_sessions ADD COLUMN replace_account INTEGER NOT NULL DEFAULT 0;
-- The tokens of a login that waits for its owner, sealed with what the question says.
ALTER TABLE login_sessions ADD COLUMN tokens TEXT;

-- The user who granted the token; a revocation may end everything that this user has granted. NULL: unknown.
ALTER TABLE revocations ADD COLUMN user_id TEXT;
