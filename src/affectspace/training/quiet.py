"""Lightning's hints about loaders and devices are of no use to our users."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

LOGGERS = ("lightning.pytorch", "lightning.fabric", "torch.multiprocessing.spawn")


def silence() -> None:
    """Ignore them in this process from now on."""
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning")
    warnings.filterwarnings("ignore", message=".*LeafSpec.*|.*isinstance\\(treespec.*|.*transfer_batch_to_device.*")


@contextmanager
def quiet() -> Iterator[None]:
    """Ignore them meanwhile."""
    before = {name: logging.getLogger(name).level for name in LOGGERS}
    try:
        with warnings.catch_warnings():
            silence()
            yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
