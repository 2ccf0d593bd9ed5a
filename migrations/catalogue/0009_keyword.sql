-- How the words of documents are found, as JSON: the language, and what a word counts by where it stands. NULL
-- where nothing was said of it.
ALTER TABLE collections ADD COLUMN keyword TEXT CHECK (keyword IS NULL OR json_valid(keyword));
