"""A trained model at work: pictures in, pictures out."""
