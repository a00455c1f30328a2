UPDATE change_feed SET accounts = 'a-mark', logins = 'a-mark', api_tokens = 'a-mark', keys = 'a-mark';
