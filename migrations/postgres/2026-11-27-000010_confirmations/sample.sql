UPDATE login_sessions SET outcome = 'confirmation_needed', tokens = 'v2:key:tokens', replace_account = TRUE;
UPDATE revocations SET user_id = 'user-1';
