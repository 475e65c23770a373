"""Taking customers in from documents and files: whole or not at all, and told field by field."""
