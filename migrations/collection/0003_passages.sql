-- A collection may cut long texts into passages, each with a vector of its own; the text stays
-- whole in `documents`. A passage's vector is a row like any other, under a sequence number of its
-- own: the first passage under that of its document, the others under the numbers that follow.
-- So vectors are still appended in key order, an index still knows each by one number, and where a
-- document has one vector nothing has changed.

-- The document that a further passage is of. NULL where the row has the number of its document.
ALTER TABLE vectors ADD COLUMN document_seq INTEGER CHECK (document_seq < seq);
-- How many passages the document has, on the row of the first: a missing one is noticed. NULL
-- where the text was not to be cut.
ALTER TABLE vectors ADD COLUMN passages INTEGER CHECK (passages > 0);
-- Where the passage stands in the text, in bytes.
ALTER TABLE vectors ADD COLUMN start_byte INTEGER;
ALTER TABLE vectors ADD COLUMN end_byte INTEGER CHECK (end_byte >= start_byte);

-- By what a row says of itself and not by counting from the first: a damaged count would delete
-- the neighbours. Documents of one vector take no place here.
CREATE INDEX vectors_by_document ON vectors (document_seq) WHERE document_seq IS NOT NULL;
