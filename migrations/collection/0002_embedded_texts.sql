-- What the node embedded itself it need not embed again: a text that comes a second time, in a
-- repeated import or with other metadata, takes the vector that is here already. All three columns
-- are NULL where the vector was the user's own, which nothing says was made from the text. A
-- collection keeps its model and prompts for life, so the text alone decides its vector.
--
-- The first 128 bits of the SHA-256 of the text: two texts of one hash would share a vector, so it
-- must be hard to make them on purpose.
ALTER TABLE vectors ADD COLUMN text_hash BLOB CHECK (length(text_hash) = 16);
-- What the reply says of the text. The checksum covers all three where they are not NULL; rows
-- from before this migration keep the checksum that they have.
ALTER TABLE vectors ADD COLUMN tokens INTEGER;
ALTER TABLE vectors ADD COLUMN truncated INTEGER CHECK (truncated IN (0, 1));

-- Many rows may have one hash. Vectors of the users' own take no place here.
CREATE INDEX vectors_by_text_hash ON vectors (text_hash) WHERE text_hash IS NOT NULL;
