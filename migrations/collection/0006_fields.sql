-- A document has vectors in some of the fields of its collection, in others none. Each field with a
-- name has tables of its own, `vectors_N` and `texts_N` after its number, which the program makes
-- when the field is added and drops when it is dropped: a migration knows no numbers. `vectors` is
-- that of the field without a name.

-- The fields in which the document has vectors: their numbers, ascending, with commas between them,
-- and `t` behind those in which it has a text. NULL where it is the field without a name alone. The
-- checksum covers it where it is not NULL. So a row that is missing in one of the tables is noticed.
-- Numbers of fields that were dropped stay here and say nothing.
ALTER TABLE documents ADD COLUMN fields TEXT;

-- Documents of the field without a name alone take no place here.
CREATE INDEX documents_by_fields ON documents (fields) WHERE fields IS NOT NULL;
