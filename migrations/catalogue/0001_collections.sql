-- The catalogue names the collections. The documents of each live in a database of their own,
-- in the folder that carries its uuid: a collection can so be dropped by unlinking, renamed
-- without touching it, and damaged without its neighbours.
CREATE TABLE collections (
    -- A UUIDv7 in its text form, because it is also the name of the folder.
    uuid            TEXT    NOT NULL PRIMARY KEY,
    name            TEXT    NOT NULL UNIQUE,
    description     TEXT,
    dimension       INTEGER NOT NULL CHECK (dimension BETWEEN 1 AND 16384),
    metric          TEXT    NOT NULL CHECK (metric IN ('cosine', 'dot', 'l2')),
    index_engine    TEXT    NOT NULL,
    -- The identity of the model as JSON, absent for collections of the users' own vectors. It is
    -- compared as a whole, so its parts need no columns.
    model           TEXT    CHECK (model IS NULL OR json_valid(model)),
    -- For people. Nothing is ordered by it.
    created_unix_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
