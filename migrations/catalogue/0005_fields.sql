-- A collection has vector fields, each with vectors, an index and perhaps a model of its own. What
-- was one field a collection, in the columns of its row, is the field without a name now.
--
-- The checksums of rows can not be made in SQL: the program carries the rows of before over when it
-- opens the catalogue, and drops their table.
ALTER TABLE collections RENAME TO collections_of_one_field;

CREATE TABLE collections (
    -- A UUIDv7 in its text form, because it is also the name of the folder.
    uuid            TEXT    NOT NULL PRIMARY KEY,
    name            TEXT    NOT NULL UNIQUE,
    description     TEXT,
    -- The highest number that a field ever had: none is used twice, so that what is left of a field
    -- is never taken for that of another one.
    last_field      INTEGER NOT NULL,
    -- For people. Nothing is ordered by it.
    created_unix_ms INTEGER NOT NULL,
    -- The change that wrote the row.
    change          INTEGER NOT NULL,
    -- XXH3 of all other columns, and of the numbers of the rows in the tables below.
    checksum        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE fields (
    collection         TEXT    NOT NULL,
    number             INTEGER NOT NULL CHECK (number >= 0),
    -- Empty where the collection's vectors have no name.
    name               TEXT    NOT NULL,
    dimension          INTEGER NOT NULL CHECK (dimension BETWEEN 1 AND 16384),
    metric             TEXT    NOT NULL CHECK (metric IN ('cosine', 'dot', 'l2')),
    -- The identity of the model as JSON, absent for fields of the users' own vectors.
    model              TEXT    CHECK (model IS NULL OR json_valid(model)),
    -- How long texts are cut into passages; NULL where they are truncated to what the model reads.
    chunk_tokens       INTEGER CHECK (chunk_tokens > 0),
    chunk_overlap      INTEGER
        CHECK ((chunk_overlap IS NULL) = (chunk_tokens IS NULL) AND chunk_overlap >= 0),
    -- What a number of these may be is the service's to say, and to widen.
    index_engine       TEXT    NOT NULL,
    index_m            INTEGER NOT NULL,
    index_ef_construction INTEGER NOT NULL,
    index_ef           INTEGER NOT NULL,
    index_quantization TEXT    NOT NULL,
    -- XXH3 of all other columns.
    checksum           INTEGER NOT NULL,
    PRIMARY KEY (collection, number),
    UNIQUE (collection, name)
) STRICT, WITHOUT ROWID;

-- Fields whose drop is committed, until all of them is removed. A table of vectors goes because its
-- number stands here, never because no field has it.
CREATE TABLE dropped_fields (
    collection TEXT    NOT NULL,
    number     INTEGER NOT NULL CHECK (number > 0),
    PRIMARY KEY (collection, number)
) STRICT, WITHOUT ROWID;
