-- How many seconds after its write a document expires that does not say when. NULL where it never does.
ALTER TABLE collections ADD COLUMN ttl_seconds INTEGER CHECK (ttl_seconds > 0);
