-- The settings of each collection's index, beside the engine that `index_engine` names. All of them
-- may change: an index is derived, so it is built again, and nothing here has to agree with a file.
--
-- Rows from before this migration say `exact`, the only engine that there was, and stay as they
-- are: nobody can tell whether it was asked for, or taken because there was no other. They get the
-- numbers of a graph all the same, so that a change of the engine alone finds them.
--
-- What a number may be is not checked here. A CHECK can not be changed without copying the table,
-- and the ranges are the service's to widen.
ALTER TABLE collections ADD COLUMN index_m INTEGER NOT NULL DEFAULT 16;
ALTER TABLE collections ADD COLUMN index_ef_construction INTEGER NOT NULL DEFAULT 200;
ALTER TABLE collections ADD COLUMN index_ef INTEGER NOT NULL DEFAULT 100;
ALTER TABLE collections ADD COLUMN index_quantization TEXT NOT NULL DEFAULT 'int8';
