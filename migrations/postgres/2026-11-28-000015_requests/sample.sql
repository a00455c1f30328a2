INSERT INTO requests (id, at, method, route, status, ending, program, account, model, input, cached, output, first_byte_ms, total_ms, sent_bytes)
VALUES ('0123456789abcdef', 1800000000000, 'POST', '/v1/responses', 200, 'complete', 'laptop', 'openai-codex', 'gpt-5.5', 10, 5, 20, 300, 1200, 4096);
INSERT INTO usage (day, program, account, model, requests, failures, input, cached, output)
VALUES (20833, 'laptop', 'openai-codex', 'gpt-5.5', 1, 0, 10, 5, 20);
