-- Which database this is, and where it is in its history. Whatever is derived from it names all
-- three, database, epoch and number, and is used only where they fit: numbers alone do not tell
-- this database from another one, or from an older copy that was written to since.
--
-- The row of before has no checksum and no id, which SQL can not make; the program carries it over
-- when it opens the database, and drops it.
ALTER TABLE sequence RENAME TO sequence_unchecked;
CREATE TABLE sequence (
    only_row    INTEGER PRIMARY KEY CHECK (only_row = 1),
    -- The last sequence number in use. Not max(seq): deletes use numbers up, and may take the
    -- largest.
    last_seq    INTEGER NOT NULL,
    -- A UUID, made with the database.
    database_id BLOB    NOT NULL CHECK (length(database_id) = 16),
    -- From 1. Raised whenever writes were lost, the database was put back to an older state, or
    -- nobody can tell.
    epoch       INTEGER NOT NULL,
    -- XXH3 of the columns above.
    checksum    INTEGER NOT NULL
) STRICT;

-- Of the columns that there are. NULL in rows from before this migration.
ALTER TABLE lost_writes ADD COLUMN checksum INTEGER;

-- The number that a document keeps over its versions: the sequence number of its first one. NULL
-- in the row of the first version itself, and in rows from before this migration, whose number is
-- that of the version that was stored then. The checksum covers it where it is not NULL.
--
-- A scroll goes by this number and not by `seq`, which an update moves to the end: a scroll that
-- wrote back what it read would never come to one.
ALTER TABLE documents ADD COLUMN first_seq INTEGER CHECK (first_seq < seq);
CREATE INDEX documents_by_number ON documents (ifnull(first_seq, seq));
