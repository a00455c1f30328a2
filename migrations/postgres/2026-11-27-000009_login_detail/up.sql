-- Why a login failed, in the words of the provider or of the failed code exchange. Untrusted text.
ALTER TABLE login_sessions ADD COLUMN detail TEXT;
