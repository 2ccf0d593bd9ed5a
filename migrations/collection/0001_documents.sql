-- The truth of one collection. Every row is one version of one document, named by the sequence
-- number of the write that made it: an update deletes the old row and inserts a new one. So a
-- sequence number never means two things, rows are appended in key order, and whoever holds a
-- stale number finds nothing rather than something else.
CREATE TABLE documents (
    seq      INTEGER PRIMARY KEY,
    -- INTEGER or TEXT, as it was given: 5 and '5' are different ids, which ANY keeps apart.
    id       ANY     NOT NULL UNIQUE CHECK (typeof(id) IN ('integer', 'text')),
    text     TEXT,
    metadata TEXT    NOT NULL,
    -- XXH3 of all the columns above. SQLite's integrity_check does not look into values.
    checksum INTEGER NOT NULL
) STRICT;

-- Vectors stand apart so that reading documents does not page through them, and the other way.
CREATE TABLE vectors (
    seq      INTEGER PRIMARY KEY,
    -- Little-endian f32, as given or embedded; normalising is the index's business.
    vector   BLOB    NOT NULL,
    checksum INTEGER NOT NULL
) STRICT;

-- The last sequence number in use. Not max(seq): deletes use numbers up, and may take the largest.
CREATE TABLE sequence (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    last_seq INTEGER NOT NULL
) STRICT;
INSERT INTO sequence VALUES (1, 0);

-- Ranges of writes that were acknowledged and that the disk has lost, noticed when the high-water
-- mark beside the database was ahead of it. Kept so that the loss stays visible.
CREATE TABLE lost_writes (
    first_seq INTEGER PRIMARY KEY,
    last_seq  INTEGER NOT NULL CHECK (last_seq >= first_seq)
) STRICT;
