-- From when on a document is there no more, in milliseconds since the Unix epoch. NULL where it stays until it
-- is deleted; the checksum covers it where it is not NULL. A row that has expired is in no answer, and is deleted
-- soon after.
ALTER TABLE documents ADD COLUMN expires_at INTEGER;

-- Documents that never expire take no place here.
CREATE INDEX documents_by_expiry ON documents (expires_at) WHERE expires_at IS NOT NULL;
