ALTER TABLE revocations DROP COLUMN user_id;
-- Their tokens would be lost unseen.
UPDATE login_sessions SET outcome = 'interrupted' WHERE outcome = 'confirmation_needed';
ALTER TABLE login_sessions DROP COLUMN tokens;
ALTER TABLE login_sessions DROP COLUMN replace_account;
