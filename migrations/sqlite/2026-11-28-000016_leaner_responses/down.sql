CREATE INDEX responses_by_owner ON responses (owner, used_at, size);
CREATE INDEX responses_by_use ON responses (used_at, size);
DROP INDEX responses_by_use_and_owner;
