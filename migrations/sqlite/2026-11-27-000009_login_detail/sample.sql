UPDATE login_sessions SET outcome = 'provider_error', detail = 'invalid_scope: no such scope';
