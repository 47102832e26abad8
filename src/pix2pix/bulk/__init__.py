"""Whole collections through a model, on Ray Data: `pix2pix bulk IN OUT --model MODEL`."""
