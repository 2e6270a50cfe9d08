"""Compare training steps of the manifold with a bare PyTorch loop of the same terms, and with the library MultiVae's DMVAE.

    python benchmarks/train_manifold.py [--rows 8000] [--epochs 4] [--threads 2] [--repeats 1]

Two objectives on random vectors of three modalities of 768 (hidden 512, shared 3, private 64, batch 128):
paper    Eqs. 5-11, two perceptrons per modality: self, cross, both anchors, covariance penalty, KL
matched  that of DMVAE: one trunk per modality, self, cross and joint reconstructions, KL; nothing else

It prints seconds per epoch (median of those after the first, without validation) and peak memory of the process for each
contender, then the ratios. Goals: ours / bare at most 1.05, DMVAE / ours at least 1.45, our memory at most 560 MB.
DMVAE runs if `multivae` can be imported (pip install --no-deps multivae pythae): in its own trainer, and its model in a plain
loop over tensors (`dmvae in a loop`). Packages for images and language that `multivae` imports but DMVAE does not use are
replaced by empty modules if they are missing.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from unittest.mock import MagicMock

import torch
from torch import Tensor, nn

from affectspace.configuration import nested

WIDTH, HIDDEN, SHARED, PRIVATE, BATCH = 768, 512, 3, 64, 128
NAMES = ("text", "audio", "video")
CONTENDERS = {
    "paper": ("ours", "bare"),
    "matched": ("ours", "bare", "dmvae", "dmvae in a loop"),
}


def vectors(rows: int) -> tuple[dict[str, Tensor], Tensor]:
    """Make features of all modalities, and labels that can be predicted from them."""
    generator = torch.Generator().manual_seed(0)
    labels = 0.3 * torch.randn(rows, SHARED, generator=generator)
    mixing = torch.randn(SHARED, WIDTH, generator=generator)
    return {name: torch.randn(rows, WIDTH, generator=generator) + labels @ mixing for name in NAMES}, labels


def batches(rows: int, epoch: int) -> Iterator[Tensor]:
    order = torch.randperm(rows, generator=torch.Generator().manual_seed(epoch))
    yield from order[: rows // BATCH * BATCH].split(BATCH)


def timed(epochs: int, rows: int, model: nn.Module, loss: Callable[[Tensor], Tensor], **adam: bool) -> list[float]:
    """Time each epoch of a plain loop, in seconds."""
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, **adam)
    seconds = []
    for epoch in range(epochs):
        started = time.perf_counter()
        for chosen in batches(rows, epoch):
            optimizer.zero_grad()
            loss(chosen).backward()
            optimizer.step()
        seconds.append(time.perf_counter() - started)
    return seconds


def ours(objective: str, rows: int, epochs: int) -> list[float]:
    from affectspace.data.batches import Batch
    from affectspace.models import Manifold, ManifoldConfig, training_statistics

    settings = {
        "encoder.hidden": (HIDDEN,), "encoder.dropout": 0.0, "inputs.dropout": 0.0, "private.size": PRIVATE,
        "kl.prior": "standard", "anchors.link": "none", "anchors.label_weighting": "none", "uncertainty": "constant",
        "reduction": "paper",
    }  # fmt: skip
    if objective == "matched":
        settings |= {"encoder.layout": "trunk", "reconstruction.joint_weight": 1.0}
        settings |= {"anchors.weight": 0.0, "independence.kind": "none"}
    else:
        settings |= {"independence.kind": "covariance", "independence.codes": "sample", "anchors.codes": "sample"}
    config = ManifoldConfig(modalities=dict.fromkeys(NAMES, WIDTH), **nested(settings))
    features, labels = vectors(rows)
    present, zeros = torch.ones(rows, dtype=torch.bool), torch.zeros(rows, dtype=torch.long)
    data = Batch(features, dict.fromkeys(NAMES, present), labels, labels, zeros - 1, zeros)
    model = Manifold(config)
    model.prepare(training_statistics(data, config))
    return timed(epochs, rows, model, lambda chosen: model.loss(data.take(chosen)).total, fused=True)


class Bare(nn.Module):
    """The same networks and terms, without masks, names or settings."""

    def __init__(self, objective: str) -> None:
        super().__init__()
        self.matched = objective == "matched"

        def perceptron(inputs: int, outputs: int) -> nn.Sequential:
            return nn.Sequential(nn.Linear(inputs, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, outputs))

        if self.matched:
            self.heads = nn.ModuleList(perceptron(WIDTH, 2 * (SHARED + PRIVATE)) for _ in NAMES)
        else:
            self.shared = nn.ModuleList(perceptron(WIDTH, 2 * SHARED) for _ in NAMES)
            self.private = nn.ModuleList(perceptron(WIDTH, 2 * PRIVATE) for _ in NAMES)
        self.decoders = nn.ModuleList(perceptron(SHARED + PRIVATE, WIDTH) for _ in NAMES)

    def loss(self, features: list[Tensor], labels: Tensor) -> Tensor:
        means, logs, shared, private, total = [], [], [], [], labels.new_zeros(())
        for index, values in enumerate(features):
            if self.matched:
                outputs = self.heads[index](values).split([SHARED, SHARED, PRIVATE, PRIVATE], dim=1)
            else:
                outputs = (*self.shared[index](values).chunk(2, dim=1), *self.private[index](values).chunk(2, dim=1))
            for codes, (mean, log) in zip((shared, private), (outputs[:2], outputs[2:]), strict=True):
                codes.append(mean + torch.exp(0.5 * log) * torch.randn_like(mean))
                total = total + 0.5 * (mean.square() + log.exp() - 1 - log).sum(dim=1).mean()
            means.append(outputs[0])
            logs.append(outputs[1])
            if not self.matched:
                error = (shared[-1] - labels).square().sum(dim=1).mean()
                total = total + error * (1.1 if index == 0 else 1.0)
                centred = [code - code.mean(dim=0) for code in (shared[-1], private[-1])]
                total = total + (centred[0].T @ centred[1] / (BATCH - 1)).square().sum()
        if self.matched:
            precision = 1 + sum(torch.exp(-log) for log in logs)
            mean = sum(mean * torch.exp(-log) for mean, log in zip(means, logs, strict=True)) / precision
            shared.append(mean + precision.rsqrt() * torch.randn_like(mean))
            total = total + 0.5 * (mean.square() + 1 / precision - 1 + precision.log()).sum(dim=1).mean()
        sources = torch.cat(shared)
        for index, values in enumerate(features):
            made = self.decoders[index](torch.cat([sources, private[index].repeat(len(shared), 1)], dim=1))
            error = (made.view(len(shared), BATCH, WIDTH) - values).square()
            total = total + error.sum(dim=2).mean(dim=1).sum()
        return total


def bare(objective: str, rows: int, epochs: int) -> list[float]:
    features, labels = vectors(rows)
    model = Bare(objective)
    return timed(
        epochs,
        rows,
        model,
        lambda chosen: model.loss([features[name][chosen] for name in NAMES], labels[chosen]),
        fused=True,
    )


class Absent(MetaPathFinder, Loader):
    """Provides empty modules for those that MultiVae imports and DMVAE does not use."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        unused = ("torchvision", "nltk", "imageio", "cv2", "umap", "seaborn")
        return ModuleSpec(name, self, is_package=True) if name.split(".")[0] in unused else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = MagicMock()
        module.__path__ = []
        return module

    def exec_module(self, module: ModuleType) -> None:
        pass


def make_dmvae(rows: int) -> tuple[nn.Module, dict[str, Tensor]]:
    sys.meta_path.append(Absent())
    from multivae.models import DMVAE, DMVAEConfig
    from multivae.models.nn.default_architectures import Decoder_AE_MLP

    config = DMVAEConfig(
        n_modalities=len(NAMES),
        latent_dim=SHARED,
        input_dims=dict.fromkeys(NAMES, (WIDTH,)),
        modalities_specific_dim=dict.fromkeys(NAMES, PRIVATE),
    )
    model = DMVAE(config)
    for decoder in model.decoders.values():
        assert isinstance(decoder, Decoder_AE_MLP)
        decoder.layers[-1] = decoder.layers[-1][0]  # vectors are not in [0, 1]: no sigmoid at the end
    return model, vectors(rows)[0]


def dmvae(objective: str, rows: int, epochs: int) -> list[float]:
    model, features = make_dmvae(rows)
    from multivae.data.datasets.base import MultimodalBaseDataset
    from multivae.trainers import BaseTrainer, BaseTrainerConfig
    from multivae.trainers.base.callbacks import TrainingCallback

    class Clock(TrainingCallback):
        moments: list[float]

        def __init__(self) -> None:
            self.moments = []

        def on_epoch_begin(self, *_: object, **__: object) -> None:
            self.moments.append(time.perf_counter())

        def on_epoch_end(self, *_: object, **__: object) -> None:
            self.moments.append(time.perf_counter())

    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        settings = BaseTrainerConfig(
            output_dir=folder, per_device_train_batch_size=BATCH, num_epochs=epochs, learning_rate=1e-3, no_cuda=True
        )
        BaseTrainer(model, MultimodalBaseDataset(features), training_config=settings, callbacks=[clock]).train()
    return [after - before for before, after in zip(clock.moments[::2], clock.moments[1::2], strict=True)]


def dmvae_in_a_loop(objective: str, rows: int, epochs: int) -> list[float]:
    model, features = make_dmvae(rows)
    from multivae.data.datasets.base import MultimodalBaseDataset

    def loss(chosen: Tensor) -> Tensor:
        return model(MultimodalBaseDataset({name: values[chosen] for name, values in features.items()})).loss

    return timed(epochs, rows, model, loss)


def run_one(contender: str, objective: str, rows: int, epochs: int, threads: int) -> None:
    """Run one contender and print JSON with seconds and megabytes; called in a process of its own."""
    torch.set_num_threads(threads)
    run = {"ours": ours, "bare": bare, "dmvae": dmvae, "dmvae in a loop": dmvae_in_a_loop}[contender]
    seconds = run(objective, rows, epochs)[1:]
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": statistics.median(seconds), "megabytes": megabytes}))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=8000)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=1, help="number of runs, of which the fastest counts")
    parser.add_argument("--only", nargs=2, metavar=("CONTENDER", "OBJECTIVE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        run_one(*options.only, options.rows, options.epochs, options.threads)
        return
    sizes = [f"--{name}={getattr(options, name)}" for name in ("rows", "epochs", "threads")]
    results: dict[tuple[str, str], dict[str, float]] = {}
    for _ in range(options.repeats):
        for objective, contenders in CONTENDERS.items():
            for contender in contenders:
                if "dmvae" in contender and find_spec("multivae") is None:
                    continue
                command = [sys.executable, __file__, *sizes, "--only", contender, objective]
                done = subprocess.run(command, capture_output=True, text=True)
                if done.returncode:
                    raise SystemExit(f"{contender} failed:\n{done.stderr}")
                result = json.loads(done.stdout.strip().splitlines()[-1])
                before = results.get((objective, contender), result)
                results[objective, contender] = min(before, result, key=lambda measured: measured["seconds"])
    print(f"{options.rows} rows, {options.threads} threads")
    for (objective, contender), result in results.items():
        print(f"{objective:8} {contender:16} {result['seconds']:6.2f} s per epoch {result['megabytes']:6.0f} MB")
    for objective in CONTENDERS:
        ratio = results[objective, "ours"]["seconds"] / results[objective, "bare"]["seconds"]
        print(f"{objective:8} ours / bare {ratio:.2f} (goal: at most 1.05)")
    for contender in ("dmvae", "dmvae in a loop"):
        if ("matched", contender) in results:
            ratio = results["matched", contender]["seconds"] / results["matched", "ours"]["seconds"]
            print(f"matched  {contender} / ours {ratio:.2f} (goal: at least 1.45)")
    if ("matched", "dmvae") not in results:
        print("multivae cannot be imported, so that there is no comparison with DMVAE")


if __name__ == "__main__":
    main()
