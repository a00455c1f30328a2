-- Links and sessions of the page are tokens too, and end by themselves. NULL: for ever.
ALTER TABLE api_tokens ADD COLUMN expires_at BIGINT;
