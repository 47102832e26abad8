"""How good a model is: scores of its translations, a page that shows them, models side by side."""
