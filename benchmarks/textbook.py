"""Today's practice, as a stand-in: the same step as a plain PyTorch loop, without this package.

Networks, losses and optimiser are those of the paper (facades: U-Net of width 64, 70 px patches),
written as a tutorial would: nn.BatchNorm2d, nn.Dropout, torch.optim.Adam, float32 as torch sets it
up, a DataLoader that opens, resizes, crops and mirrors pictures, one at a time in translating.
"""

import random

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Block(nn.Module):
    """One level of the U-Net around the next deeper one."""

    def __init__(self, outer, inner, deeper=None, source=None, drop=False):
        super().__init__()
        self.outermost = source is not None
        down = nn.Conv2d(source or outer, inner, 4, 2, 1, bias=self.outermost or deeper is None)
        taken = inner if deeper is None else 2 * inner
        up = nn.ConvTranspose2d(taken, outer, 4, 2, 1, bias=self.outermost)
        if self.outermost:
            layers = [down, deeper, nn.ReLU(), up, nn.Tanh()]
        elif deeper is None:
            layers = [nn.LeakyReLU(0.2), down, nn.ReLU(), up, nn.BatchNorm2d(outer)]
        else:
            layers = [
                nn.LeakyReLU(0.2),
                down,
                nn.BatchNorm2d(inner),
                deeper,
                nn.ReLU(),
                up,
                nn.BatchNorm2d(outer),
            ]
        if drop:
            layers.append(nn.Dropout(0.5))
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return self.layers(x) if self.outermost else torch.cat([x, self.layers(x)], 1)


def generator(width, depth):
    """The U-Net for pictures of 2**depth px."""
    channels = [width * min(8, 2**i) for i in range(depth)]
    noisy = max(1, depth - 5)
    block = Block(channels[-2], channels[-1], drop=True)
    for level in range(depth - 2, 0, -1):
        block = Block(channels[level - 1], channels[level], block, drop=depth - 1 - level < noisy)
    return Block(3, width, block, source=3).apply(_initialise)


def discriminator(width, strided=3):
    layers, channels = [nn.Conv2d(6, width, 4, 2, 1), nn.LeakyReLU(0.2)], width
    for i in range(1, strided + 1):
        wider = width * min(8, 2**i)
        layers += [
            nn.Conv2d(channels, wider, 4, 2 if i < strided else 1, 1, bias=False),
            nn.BatchNorm2d(wider),
            nn.LeakyReLU(0.2),
        ]
        channels = wider
    return nn.Sequential(*layers, nn.Conv2d(channels, 1, 4, 1, 1)).apply(_initialise)


def _initialise(module):
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1, 0.02)


class Pairs(Dataset):
    """Pictures of two halves, source on the right, opened anew each time."""

    def __init__(self, paths, px):
        self.paths, self.px = paths, px

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        whole = Image.open(self.paths[index]).convert("RGB")
        width, height = whole.size
        outer = round(self.px * 286 / 256)
        left, top = random.randint(0, outer - self.px), random.randint(0, outer - self.px)
        mirror = random.random() < 0.5
        halves = []
        for start in (width // 2, 0):
            half = whole.crop((start, 0, start + width // 2, height))
            half = half.resize((outer, outer), Image.Resampling.BICUBIC)
            half = half.crop((left, top, left + self.px, top + self.px))
            halves.append(tensor(half.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirror else half))
        return halves


def tensor(picture):
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).float() / 127.5 - 1


class Step:
    """Both turns, as it is usually written."""

    def __init__(self, px, width, device, strided=3):
        self.device = device
        self.G = generator(width, px.bit_length() - 1).to(device)
        self.D = discriminator(width, strided).to(device)
        self.adam_g, self.adam_d = (
            torch.optim.Adam(n.parameters(), 2e-4, (0.5, 0.999)) for n in (self.G, self.D)
        )
        self.logits, self.l1 = nn.BCEWithLogitsLoss(), nn.L1Loss()

    def __call__(self, x, y):
        x, y = x.to(self.device), y.to(self.device)
        g = self.G(x)
        for weight in self.D.parameters():
            weight.requires_grad_(True)
        self.adam_d.zero_grad()
        fake = self.D(torch.cat([x, g.detach()], 1))
        real = self.D(torch.cat([x, y], 1))
        loss = self.logits(fake, torch.zeros_like(fake)) + self.logits(real, torch.ones_like(real))
        (loss / 2).backward()
        self.adam_d.step()

        for weight in self.D.parameters():
            weight.requires_grad_(False)
        self.adam_g.zero_grad()
        fake = self.D(torch.cat([x, g], 1))
        loss_g = self.logits(fake, torch.ones_like(fake)) + 100 * self.l1(g, y)
        loss_g.backward()
        self.adam_g.step()
        return loss.item(), loss_g.item()  # as they are printed


def endless(paths, px, batch, workers):
    loader = DataLoader(
        Pairs(paths, px),
        batch,
        shuffle=True,
        num_workers=workers,
        drop_last=True,
        pin_memory=torch.cuda.is_available(),
        persistent_workers=workers > 0,
    )
    while True:
        yield from loader


def translate(G, paths, out, px, device, **saving):
    """Every file by itself: open, pass, write."""
    out.mkdir(parents=True, exist_ok=True)
    with torch.no_grad():
        for path in paths:
            picture = Image.open(path).convert("RGB").resize((px, px), Image.Resampling.BICUBIC)
            output = G(tensor(picture)[None].to(device))[0]
            levels = ((output + 1) * 127.5).round().clamp(0, 255).byte().permute(1, 2, 0)
            Image.fromarray(levels.cpu().numpy()).save(out / path.name, **saving)
