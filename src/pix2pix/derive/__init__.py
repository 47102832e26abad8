"""Sources made from photographs: the same code when training and when translating."""
