"""Pictures: files, arrays, tensors, sizes, palettes. What a half of a pair is: `contract`."""
