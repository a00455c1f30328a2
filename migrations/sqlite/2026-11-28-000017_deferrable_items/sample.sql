INSERT INTO responses (id, owner, previous, content, size, used_at)
VALUES ('resp_3', 'token:a-token', 'resp_2', 'v2:key:content', 14, 1800000000000);
INSERT INTO response_items (item, response) VALUES ('msg_3', 'resp_3');
