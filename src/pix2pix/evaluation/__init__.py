"""How good a model is: what people and measures say of its pictures."""
