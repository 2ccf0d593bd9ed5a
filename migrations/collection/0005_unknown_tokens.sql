-- What the reply says of a text besides `tokens`: how many of them stand for something that the model
-- does not know. NULL on rows from before this migration and where the vector was the user's own; the
-- checksum covers it where it is not NULL.
ALTER TABLE vectors ADD COLUMN unknown_tokens INTEGER;
