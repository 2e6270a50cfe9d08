"""Losses in two processes: the mean of both is the loss of the whole batch, and so are the gradients."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from affectspace.models.gathering import gather_rows, mean_count, processes

ROWS, FIRST = 23, 9  # the halves differ in size, and so do their masks

SETTINGS = [
    {"independence.kind": "covariance", "reduction": "paper", "anchors.loss": "both"},
    {
        "independence.kind": "correlation",
        "private.emotion.kind": "linear",
        "anchors.loss": "ccc",
        "prototypes.weight": 0.5,
    },
    {
        "independence.kind": "hsic",
        "private.emotion.kind": "adversarial",
        "prototypes.class_weights": "balanced",
        "reconstruction.joint_weight": 0.5,
    },
    {
        "prototypes.heads": ("text", "audio"),
        "prototypes.weight": 1.0,
        "private.emotion.kind": "hsic",
        "encoder.skip.kind": "linear",
    },
]

WORKER = """
import sys
from pathlib import Path
import torch
import torch.distributed as dist
from safetensors.torch import save_file
sys.path.insert(0, sys.argv[1])
from test_gathering import FIRST, ROWS, SETTINGS, gradients
torch.set_num_threads(1)
rank, folder = int(sys.argv[2]), Path(sys.argv[3])
dist.init_process_group("gloo", init_method=f"file://{folder / 'meeting'}", rank=rank, world_size=2)
rows = torch.arange(FIRST) if rank == 0 else torch.arange(FIRST, ROWS)
for index, settings in enumerate(SETTINGS):
    save_file(gradients(settings, rows), folder / f"{index}-{rank}.safetensors")
dist.destroy_process_group()
"""


def gradients(settings: dict, rows: torch.Tensor) -> dict[str, torch.Tensor]:
    """Terms, total and gradients of a small manifold on these rows of a batch, without noise."""
    from affectspace.configuration import nested
    from affectspace.data.batches import Batch
    from affectspace.models import Manifold, ManifoldConfig

    torch.manual_seed(0)
    widths = {"text": 6, "audio": 5}
    config = ManifoldConfig(
        modalities=widths,
        categories=("a", "b"),
        corpora=("x", "y"),
        **nested({"encoder.hidden": (8,), "private.size": 4, **settings}),
    )
    model = Manifold(config).eval()
    if config.prototypes.weight:
        model.prototypes.centres.copy_(torch.randn(2, 3))
    affect = torch.randn(ROWS, 3)
    affect[torch.rand(ROWS, 3) < 0.3] = torch.nan
    features = {name: torch.randn(ROWS, width) for name, width in widths.items()}
    present = {"text": torch.rand(ROWS) > 0.3, "audio": torch.arange(ROWS) >= FIRST}  # the first process has no audio
    lexicon = torch.where(torch.rand(ROWS, 1) < 0.5, torch.randn(ROWS, 3), torch.nan)
    batch = Batch(features, present, affect, lexicon, torch.randint(-1, 2, (ROWS,)), torch.arange(ROWS) % 2)
    terms = model.loss(batch.take(rows), noise=lambda mean: torch.full_like(mean, 0.1))
    terms.total.backward()
    values = {f"term {name}": value.detach().clone() for name, value in terms.terms.items()}
    found = {f"gradient {name}": weight.grad for name, weight in model.named_parameters() if weight.grad is not None}
    return {**values, "total": terms.total.detach().clone(), **found}


def test_alone_everything_stays_as_it_is() -> None:
    values = torch.randn(3, 2, requires_grad=True)
    assert processes() == 1
    assert gather_rows(values) is values
    assert mean_count(torch.tensor([2, 5])).tolist() == [2.0, 5.0]


@pytest.mark.slow
def test_two_processes_average_to_the_whole(tmp_path: Path) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    command = [sys.executable, "-c", WORKER, str(Path(__file__).parent)]
    workers = [
        subprocess.Popen([*command, str(rank), str(tmp_path)], env=environment, stderr=subprocess.PIPE, text=True)
        for rank in range(2)
    ]
    for worker in workers:
        _, errors = worker.communicate(timeout=120)
        assert worker.returncode == 0, errors
    for index, settings in enumerate(SETTINGS):
        whole = gradients(settings, torch.arange(ROWS))
        halves = [load_file(tmp_path / f"{index}-{rank}.safetensors") for rank in range(2)]
        assert set(halves[0]) == set(halves[1]) == set(whole)
        for name, value in whole.items():
            mean = (halves[0][name] + halves[1][name]) / 2
            torch.testing.assert_close(mean, value, rtol=1e-4, atol=1e-6, msg=lambda text, name=name: f"{name}: {text}")
