-- Links and sessions of the page are API tokens that expire. NULL: the token does not expire.
ALTER TABLE api_tokens ADD COLUMN expires_at BIGINT;
