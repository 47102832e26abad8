"""The drawing page: what it knows of a model, and its files, served or exported alike."""
