-- Beside a field there may be vectors of another model for the same texts: those that are to take its
-- place, or those that had it before. They are rows of `fields` under the same name, in another role.
CREATE TABLE fields_with_roles (
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
    -- Whether it is searched, to be, or was: one commit exchanges the first and the second.
    role               TEXT    NOT NULL DEFAULT 'shown'
        CHECK (role IN ('shown', 'filling', 'kept')),
    PRIMARY KEY (collection, number)
) STRICT, WITHOUT ROWID;

INSERT INTO fields_with_roles (collection, number, name, dimension, metric, model, chunk_tokens,
    chunk_overlap, index_engine, index_m, index_ef_construction, index_ef, index_quantization, checksum)
    SELECT collection, number, name, dimension, metric, model, chunk_tokens, chunk_overlap,
        index_engine, index_m, index_ef_construction, index_ef, index_quantization, checksum
    FROM fields;
DROP TABLE fields;
ALTER TABLE fields_with_roles RENAME TO fields;

-- One field of a name that is searched, and one beside it.
CREATE UNIQUE INDEX fields_by_name ON fields (collection, name, role = 'shown');

-- The first field, without a name, may go too once another one has its place.
CREATE TABLE dropped_numbers (
    collection TEXT    NOT NULL,
    number     INTEGER NOT NULL CHECK (number >= 0),
    PRIMARY KEY (collection, number)
) STRICT, WITHOUT ROWID;
INSERT INTO dropped_numbers SELECT collection, number FROM dropped_fields;
DROP TABLE dropped_fields;
ALTER TABLE dropped_numbers RENAME TO dropped_fields;
