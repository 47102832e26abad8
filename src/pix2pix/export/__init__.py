"""A trained generator as one graph for other programs: ONNX, torch.export."""
