"""From what a user has on disk to batches of tensors."""
