-- A restore may insert items before their responses: after pg_dump, a backup had the tables in another order.
ALTER TABLE response_items ALTER CONSTRAINT response_items_response_fkey DEFERRABLE;
