-- How long texts are cut into passages; NULL where they are truncated to what the model reads.
-- Set once: passages of two lengths in one collection could not be told from mistakes.
ALTER TABLE collections ADD COLUMN chunk_tokens INTEGER CHECK (chunk_tokens > 0);
ALTER TABLE collections ADD COLUMN chunk_overlap INTEGER
    CHECK ((chunk_overlap IS NULL) = (chunk_tokens IS NULL) AND chunk_overlap >= 0);
