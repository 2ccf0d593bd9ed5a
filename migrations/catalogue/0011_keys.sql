-- Keys by which requests are told apart. What a client shows is not in here: its SHA-256 is, and as it
-- has 256 random bits, nobody finds it by that. Revoked ones stay for a while, to be told of.
CREATE TABLE keys (
    -- A part of what a client shows, by which its row is found.
    id                     TEXT    NOT NULL PRIMARY KEY,
    -- What a person calls it.
    name                   TEXT    NOT NULL,
    -- What it may do, as JSON: one that a program does not know whole allows nothing.
    access                 TEXT    NOT NULL CHECK (json_valid(access)),
    hash                   BLOB    NOT NULL CHECK (length(hash) = 32),
    -- What it was before it was exchanged, for as long as both are taken.
    previous_hash          BLOB    CHECK (length(previous_hash) = 32),
    previous_until_unix_ms INTEGER CHECK ((previous_until_unix_ms IS NULL) = (previous_hash IS NULL)),
    -- Milliseconds since the Unix epoch.
    created_unix_ms        INTEGER NOT NULL,
    expires_unix_ms        INTEGER,
    revoked_unix_ms        INTEGER,
    -- XXH3 of all columns above.
    checksum               INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
