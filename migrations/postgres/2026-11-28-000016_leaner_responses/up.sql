-- One index instead of two: each is written with every response that a caller waits for.
CREATE INDEX responses_by_use_and_owner ON responses (used_at, owner, size);
DROP INDEX responses_by_owner;
DROP INDEX responses_by_use;
