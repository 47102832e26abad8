"""The drawing page: what it is told of a model, and its files, served or exported alike."""
