DROP TABLE key_checks;
ALTER TABLE api_tokens DROP COLUMN mac;
