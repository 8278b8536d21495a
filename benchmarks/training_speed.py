"""How fast is the training, beside a loop written by hand for this one case?

Both train the same network (the quickstart's ResNet-18, three quarters of its channels pruned, 8
bits) on the same 7,000 pictures of 1x28x28 with the same fake quantization, for the same steps, in
bfloat16 where the processor has it. They take turns, so that a busy machine slows both down. The
teacher's outputs are random numbers: they cost the same.

    python benchmarks/training_speed.py [--epochs 6] [--rounds 3] [--threads 2]

Prints the seconds of each round and the ratio of the quickest ones: 100 % is as fast as by hand.
Two threads wait for each other on a machine with other work; there, take one.
"""

import argparse
import math
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch.nn import functional as F

from tightfit import Distillation, Recipe
from tightfit.objectives.data import Data
from tightfit.objectives.devices import choose_precision
from tightfit.objectives.teacher import Teacher, make_views
from tightfit.objectives.training import Trainer, TrainingSettings
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.network import Network
from tightfit.studies.assembly import Assembly, assemble
from tightfit.studies.study_file import read_study

QUICKSTART = Path(__file__).parents[1] / "studies" / "quickstart.toml"
RATIO, BITS = 0.75, 8
SETTINGS = TrainingSettings()
HOW = Distillation(weight=0.9, temperature=4.0)
LEARNING_RATE = 0.02


def candidate(space: CompressionSpace) -> Network:
    """Return a new network, pruned and quantized the same way everywhere."""
    wanted = {"pruning_ratio": RATIO, "bits": BITS}
    choices = {
        hparam.name: wanted[kind]
        for hparam in space.search_space.hparams
        if (kind := hparam.name.rpartition(".")[2]) in wanted
    }
    return space.build(space.search_space.from_choices(choices))


def by_hand(model: Network, data: Data, teacher: Teacher, epochs: int) -> None:
    """What one would write for this case alone."""
    model = model.to(memory_format=torch.channels_last).train()
    pixels, labels = data.train.inputs, data.train.targets
    mean, std = 255 * data.mean[0], 255 * data.std[0]
    size = SETTINGS.batch_size
    steps = epochs * (len(labels) // size)
    optimizer = torch.optim.SGD(
        model.parameters(), lr=LEARNING_RATE, momentum=0.9, nesterov=True, weight_decay=5e-4
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: 0.5 * (1 + math.cos(math.pi * step / steps))
    )
    step = 0
    for _epoch in range(epochs):
        for chosen in torch.split(torch.randperm(len(labels)), size):
            if len(chosen) < size:
                continue
            if step == round((1 - SETTINGS.quantized_share) * steps):
                model.calibrate([(pixels[:1024].float() - mean) / std])
                model.quantization = True
            view = torch.randint(len(teacher.views), (size,))
            x = (teacher.views[view, chosen].float() - mean) / std
            with torch.autocast("cpu", torch.bfloat16):
                outputs = model(x.contiguous(memory_format=torch.channels_last)).float()
            wanted = F.softmax(teacher.outputs[view, chosen] / HOW.temperature, 1)
            found = F.log_softmax(outputs / HOW.temperature, 1)
            loss = HOW.weight * HOW.temperature**2 * F.kl_div(found, wanted, reduction="batchmean")
            loss = loss + (1 - HOW.weight) * F.cross_entropy(outputs, labels[chosen])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            step += 1


def quiet(_done: int, _total: int, _loss: float) -> None:
    """Progress that nobody watches."""


def seconds(work: Callable[[], object]) -> float:
    """Return how long some work takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def compare(assembly: Assembly, epochs: int, rounds: int) -> None:
    """Let both train in turns; print what they took."""
    data = assembly.data
    space = assembly.space(assembly.model.module)
    views = make_views(data.train.inputs, augment=assembly.task.augment, views=4, seed=0)
    teacher = Teacher(views, torch.randn(4, len(data.train), 10))
    trainer = Trainer(
        data=data,
        task=assembly.task,
        precision=choose_precision("cpu"),
        teacher=teacher,
        settings=SETTINGS,
    )
    recipe = Recipe(epochs, LEARNING_RATE, HOW)
    took: dict[str, list[float]] = {"by hand": [], "ours": []}
    for turn in range(rounds):
        work: dict[str, Callable[[], object]] = {
            "by hand": partial(by_hand, candidate(space), data, teacher, epochs),
            "ours": partial(trainer, candidate(space), recipe, seed=0, progress=quiet),
        }
        for name in sorted(work, reverse=turn % 2 == 1):
            took[name].append(seconds(work[name]))
        seen = ", ".join(f"{name} {times[-1]:.2f} s" for name, times in took.items())
        print(f"round {turn + 1}: {seen}", flush=True)
    ratio = min(took["by hand"]) / min(took["ours"])
    print(f"{100 * ratio:.1f} % of the speed of a loop written by hand")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    compare(assemble(read_study(QUICKSTART)), arguments.epochs, arguments.rounds)


if __name__ == "__main__":
    main()
