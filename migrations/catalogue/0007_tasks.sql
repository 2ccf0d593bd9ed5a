-- Work that goes on when the request that began it is answered: a start takes up what had not ended.
-- Ended tasks stay for a while, to be asked for.
CREATE TABLE tasks (
    -- A UUIDv7.
    id              TEXT    NOT NULL PRIMARY KEY,
    kind            TEXT    NOT NULL,
    -- What is to be done, as JSON: the kind's own.
    work            TEXT    NOT NULL CHECK (json_valid(work)),
    state           TEXT    NOT NULL,
    error_code      TEXT,
    error_message   TEXT    CHECK ((error_message IS NULL) = (error_code IS NULL)),
    -- Milliseconds since the Unix epoch. Ended tasks go by their age, nothing else is ordered by it.
    created_unix_ms INTEGER NOT NULL,
    ended_unix_ms   INTEGER,
    -- XXH3 of all columns above.
    checksum        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
