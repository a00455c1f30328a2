DROP TABLE response_items;
DROP TABLE responses;
