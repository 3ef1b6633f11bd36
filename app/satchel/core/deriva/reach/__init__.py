"""Which rows belong to a record: the one rule that export and clone share."""
