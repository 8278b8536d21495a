"""Train the quickstart's baseline: ResNet-18 with a small stem, on Fashion-MNIST.

It sees the official training file's pictures without the 3,000 that `fashion_mnist_10k` holds back
for validation and test; the official test file is read only to print the final accuracy. Takes
about half an hour on two cores.

    python tools/train_quickstart_baseline.py FOLDER

FOLDER holds the four official `*-ubyte.gz` files. Writes fp16 weights beside the quickstart.
"""

import argparse
import gzip
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import resnet18

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "studies" / "fashion_mnist_resnet18.safetensors"
HELD_BACK = ROOT / "objectives" / "datasets" / "fashion_mnist_10k.npz"
MEAN, STD = 0.2860, 0.3530
EPOCHS, BATCH, MAX_LR, WEIGHT_DECAY = 10, 128, 0.2, 5e-4


def build() -> nn.Module:
    """ResNet-18 with a 3x3 stem of stride 2 for one channel, no max-pool, ten classes."""
    model: nn.Module = resnet18(num_classes=10)
    model.conv1 = nn.Conv2d(1, 64, 3, stride=2, padding=1, bias=False)
    model.maxpool = nn.Identity()
    return model


def unpacked(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes())


def read(folder: Path, part: str) -> tuple[Tensor, Tensor]:
    images = np.frombuffer(unpacked(folder / f"{part}-images-idx3-ubyte.gz"), np.uint8, offset=16)
    labels = np.frombuffer(unpacked(folder / f"{part}-labels-idx1-ubyte.gz"), np.uint8, offset=8)
    pixels = torch.tensor(images.reshape(-1, 1, 28, 28)).float() / 255
    return (pixels - MEAN) / STD, torch.tensor(labels).long()


def augment(images: Tensor) -> Tensor:
    """Flip half of the pictures, shift each by up to two pixels, erase a patch in half of them."""
    count = len(images)
    flipped = torch.where(torch.rand(count, 1, 1, 1) < 0.5, images.flip(3), images)
    padded = F.pad(flipped, (2, 2, 2, 2), value=-MEAN / STD)
    rows = torch.randint(0, 5, (count, 1)) + torch.arange(28)
    columns = torch.randint(0, 5, (count, 1)) + torch.arange(28)
    shifted = padded[torch.arange(count)[:, None, None], 0, rows[:, :, None], columns[:, None, :]]
    top, left = torch.randint(0, 23, (count, 1, 1)), torch.randint(0, 23, (count, 1, 1))
    position = torch.arange(28)
    in_rows = (position[None, :, None] >= top) & (position[None, :, None] < top + 6)
    in_columns = (position[None, None, :] >= left) & (position[None, None, :] < left + 6)
    erased = in_rows & in_columns & (torch.rand(count, 1, 1) < 0.5)
    return shifted.masked_fill(erased, 0.0).unsqueeze(1)


@torch.no_grad()
def accuracy(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    model.eval()
    right = sum(
        int((model(x.contiguous(memory_format=torch.channels_last)).argmax(1) == y).sum())
        for x, y in zip(torch.split(images, 500), torch.split(labels, 500), strict=True)
    )
    return right / len(labels)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    torch.manual_seed(0)
    torch.set_num_threads(2)
    images, labels = read(folder, "train")
    held_back = torch.from_numpy(np.load(HELD_BACK)["official_index"][7000:]).long()
    validation = images[held_back[:1500]], labels[held_back[:1500]]
    kept = torch.ones(len(images), dtype=torch.bool)
    kept[held_back] = False
    images, labels = images[kept], labels[kept]
    test = read(folder, "t10k")
    model = build().to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(
        model.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=WEIGHT_DECAY
    )
    steps = len(images) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, MAX_LR, total_steps=EPOCHS * steps)
    started = time.time()
    for epoch in range(EPOCHS):
        model.train()
        for chosen in torch.randperm(len(images))[: steps * BATCH].view(steps, BATCH):
            with torch.autocast("cpu", torch.bfloat16):
                x = augment(images[chosen]).contiguous(memory_format=torch.channels_last)
                loss = F.cross_entropy(model(x), labels[chosen], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch has no types for it
            optimizer.step()
            schedule.step()
        found, seconds = accuracy(model, *validation), time.time() - started
        print(
            f"epoch {epoch + 1}: loss {loss.item():.3f}, validation {found:.4f}, {seconds:.0f} s",
            flush=True,
        )
    state = {
        name: (value.half() if value.is_floating_point() else value).contiguous()
        for name, value in model.state_dict().items()
    }
    save_file(state, TARGET)
    model.load_state_dict({name: value.float() for name, value in state.items()})
    print(f"official 10,000: {accuracy(model, *test):.4f}; {TARGET.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
