"""A package, so that one of the same name among the installed ones never stands in for it in new processes."""
