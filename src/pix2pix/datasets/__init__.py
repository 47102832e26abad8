"""What a user does to data sets: fetch, prepare, draw, check."""
