DROP TABLE usage;
DROP TABLE requests;
