"""A package, so that an installed one of the same name never stands in for it in new processes."""
