-- Only PostgreSQL needs a change: in SQLite, each transaction may defer the check (PRAGMA defer_foreign_keys).
SELECT 1;
