INSERT INTO audit_log (id, at, actor, address, request_id, action, subject, result, detail, digest, mark)
VALUES (1, 1800000000000, 'gateway token', '127.0.0.1', 'a-request', 'signed_out', 'work', 'done', 'a-detail', 'a-digest', 'a-mark');
