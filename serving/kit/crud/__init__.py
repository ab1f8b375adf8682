"""Resources that are rows of a table: list, get, create, update by merge patch, delete and batch, all the same way."""
