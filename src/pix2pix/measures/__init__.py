"""Tensors in, numbers out."""
