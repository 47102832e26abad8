"""Which files of what a user has on disk make pairs: folders and names, no pixels and no torch."""
