"""Pages that open from disk: a template in templates/ and one function that fills it."""
