-- The catalogue is guarded as documents are: a checksum for each row, and a number that each change
-- of the catalogue raises. The number also stands in files beside the database and in the folders of
-- the collections, so that a change that the disk has lost is noticed, and the newer of two
-- statements about a collection is known.

-- The change that wrote the row.
ALTER TABLE collections ADD COLUMN change INTEGER NOT NULL DEFAULT 0;
-- XXH3 of all other columns. NULL in rows from before this migration, which get theirs at the same
-- start.
ALTER TABLE collections ADD COLUMN checksum INTEGER;

-- The number of the last change. Without its row, the catalogue is one from before this migration.
CREATE TABLE state (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    change   INTEGER NOT NULL,
    -- XXH3 of the number.
    checksum INTEGER NOT NULL
) STRICT;
