UPDATE change_feed SET accounts = 'a-mark', logins = 'a-mark', api_tokens = 'a-mark', keys = 'a-mark';
INSERT INTO machine_clock (id, boot_id, wall_ahead) VALUES (1, 'a-boot', 1800000000000);
