"""Formats of picture files: limits before anything is unpacked, TIFF, numbers of every type."""
