INSERT INTO responses (id, owner, previous, content, size, used_at)
VALUES ('resp_1', 'token:a-token', NULL, 'v2:key:content', 14, 1800000000000);
INSERT INTO response_items (item, response) VALUES ('msg_1', 'resp_1');
