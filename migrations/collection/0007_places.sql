-- Where a document has vectors (`documents.fields`) it says by places. The vectors of a place stand in the
-- tables of the same number, until its texts are embedded with another model: then others of the place are
-- beside them, and take over in one step. So no document is written for that.
CREATE TABLE vector_tables (
    -- The tables `vectors_N`.
    number INTEGER PRIMARY KEY,
    -- Absent from here where it is the number.
    place  INTEGER NOT NULL CHECK (place >= 0 AND place <> number)
) STRICT;
