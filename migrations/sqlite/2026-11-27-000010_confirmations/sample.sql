UPDATE login_sessions SET outcome = 'confirmation_needed', tokens = 'v2:key:tokens', replace_account = 1;
UPDATE revocations SET user_id = 'user-1';
