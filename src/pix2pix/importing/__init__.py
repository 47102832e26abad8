"""Models of other programs, made models of this package: names and shapes say what they are."""
