-- Other names of collections. An alias is a part of the collection that it names: its row goes with
-- that of the collection, under whose checksum and change number it is, so that one that is lost or
-- leads elsewhere is noticed. No alias is the name of a collection, which the program sees to.
CREATE TABLE aliases (
    alias      TEXT NOT NULL PRIMARY KEY,
    -- The uuid of the collection.
    collection TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX aliases_by_collection ON aliases (collection);
