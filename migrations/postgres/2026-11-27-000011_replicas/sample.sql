INSERT INTO replicas (name, seen_at, records) VALUES ('host:/data', 1800000000000, '{"key": 2}');
