"""Run folders: what a training leaves, how it is continued, and how it is loaded again."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any

from affectspace.errors import AffectspaceError, ConfigError, RunError, counted, quoted
from affectspace.files import is_partial, locked_folder, read_object, remove_partials, write_text
from affectspace.models import MODELS
from affectspace.progress import Progress, silent
from affectspace.training.configuration import ProjectorTrainConfig, TrainConfig, read_config
from affectspace.training.places import located, paths_of, place_of, places_of

if TYPE_CHECKING:
    import pandas as pd

    from affectspace.data.dataset import Dataset
    from affectspace.models import Pretrained

PACKAGES = ("affectspace", "torch", "numpy", "pandas", "scikit-learn")
OURS = {"config.yaml", "run.json"}
LOCK = ".lock"
_FACTS: dict[str, tuple[Any, Any]] = {  # what run.json may hold: type of a value, and of the values in it
    "kind": (str, ()),
    "state": (str, ()),
    "seconds": (int | float, ()),
    "threads": (int, ()),
    "modalities": (dict, (dict, NoneType)),
    "corpora": (dict, dict),
    "places": (dict, dict),
    "versions": (dict, str),
    "rows": (dict, int),
    "language_model": (dict, object),
}
BEGUN = {"config.yaml", LOCK}  # all that a start can leave that was killed at once, besides partial files


@dataclass(frozen=True)
class Run:
    """A run folder.

    config.yaml, run.json (kind, state, versions), split.csv (which sample is in which part), model/, checkpoints/,
    history.csv, log.txt; metrics.json, report.html and figures/ once it is evaluated.
    """

    folder: Path

    @property
    def config(self) -> TrainConfig | ProjectorTrainConfig:
        """The configuration of the training, with corpora, stores and lexicons where they are now."""
        config = read_config(self.folder / "config.yaml")
        return located(config, self.folder, self.facts.get("places", {}))

    @property
    def image_config(self) -> TrainConfig:
        """The configuration of a run on images. Raises RunError for another kind, with the commands for it."""
        return self._config_of("images")

    @property
    def drawn_faces(self) -> bool:
        """Whether affectspace drew all faces of a run on images. No detector of faces in photographs finds these."""
        stated = [facts.get("synthetic", False) for facts in self.facts.get("corpora", {}).values()]
        return self.image_config.data.drawn_faces or bool(stated and all(stated))

    @property
    def feature_config(self) -> TrainConfig:
        """The configuration of a run on features. Raises RunError for another kind, with the commands for it."""
        return self._config_of("features")

    @property
    def projector_config(self) -> ProjectorTrainConfig:
        """The configuration of a projector's run. Raises RunError for another kind, and says how to train a projector."""
        return self._config_of("latents")

    def _config_of(self, reads: str) -> Any:
        config = self.config
        actual = MODELS[config.kind].reads
        if actual != reads:
            raise RunError(f"{self.folder} holds a model of kind {config.kind}, which {self._uses(actual, reads)}")
        return config

    def _uses(self, actual: str, expected: str) -> str:
        """What a model does instead of what was expected, and the commands for it."""
        run = self.folder
        does = {
            "images": f"`affectspace traverse {run}` moves faces with it, `affectspace evaluate {run}` evaluates it",
            "features": f"`affectspace predict --run {run}` uses it, `affectspace evaluate {run}` evaluates it",
            "items": f"`affectspace extract --backbone {run}` computes features with it",
            "latents": f"`affectspace steer {run}` uses it",
        }[actual]
        if expected == "latents":
            train = f"affectspace train configs/steering.yaml --set run={run} --out FOLDER"
            return "steers no language model; " + (f"a projector on it does: {train}" if actual == "features" else does)
        inputs = {"images": "reads images and no features", "features": "reads features and no images"}
        return f"{inputs.get(actual, 'steers a language model')}; {does}"

    def dataset(self, reads: str, progress: Progress = silent) -> Dataset:
        """Read the rows of the run in the parts of its training. reads : "images", "features" or "items"

        Raises RunError for a run of another kind, if a file or folder is missing, and if the corpus or its split has changed
        since the training.
        """
        from affectspace.data.dataset import Dataset

        config = self._config_of(reads)
        self.require_files(config)
        data = Dataset.of_config(config, progress)
        require_split(self, data.split_table())
        return data

    def require_files(self, config: TrainConfig) -> None:
        """Raise RunError, with the option that names the new place, where a file or folder of the configuration is missing."""
        missing = {key: path for key, path in paths_of(config).items() if not path.exists()}
        if missing:
            options = " ".join(f"--moved {key}=PATH/{path.name}" for key, path in missing.items())
            absent, place = ("which is", "place") if len(missing) == 1 else ("which are", "places")
            raise RunError(
                f"{self.folder} needs {', '.join(map(str, missing.values()))}, {absent} not there and not near the run; name "
                f"the new {place}, which the run remembers: {options}"
            )

    def move(self, places: Mapping[str, str | Path]) -> None:
        """Record the new places of files and folders. places : key of the configuration -> path

        Raises RunError for a key that is no path of the configuration, and for a path that does not exist.
        """
        known = paths_of(read_config(self.folder / "config.yaml"))
        for key, path in places.items():
            if key not in known:
                raise RunError(
                    f"--moved {key}: the run {self.folder} names no path there; its paths are {', '.join(known)}"
                )
            if not Path(path).exists():
                raise RunError(f"--moved {key}={path}: there is no such file or folder")
        moved = {key: place_of(Path(path), self.folder) for key, path in places.items()}
        self.record(places={**self.facts.get("places", {}), **moved})

    @property
    def facts(self) -> dict[str, Any]:
        """What run.json says. Raises RunError where it is missing or damaged."""
        path = self.folder / "run.json"
        facts = read_object(path, "train again with --force")
        for key in facts.keys() & _FACTS.keys():
            value, (kind, inner) = facts[key], _FACTS[key]
            values = value.values() if isinstance(value, dict) else ()
            if not isinstance(value, kind) or not all(isinstance(entry, inner) for entry in values):
                raise RunError(f"{path} is damaged: {key!r} is {quoted(value)}; train again with --force")
        return facts

    def fact(self, key: str) -> Any:
        """Return a value of run.json that every run of this kind has. Raises RunError where it is missing."""
        facts = self.facts
        if key not in facts:
            raise RunError(f"{self.folder / 'run.json'} is damaged: it has no {key!r}; train again with --force")
        return facts[key]

    @property
    def finished(self) -> bool:
        return self.facts.get("state") == "finished"

    @property
    def history(self) -> pd.DataFrame:
        """A row an epoch: losses by term on train and validation. Raises RunError where history.csv is missing or damaged."""
        return self._table("history.csv")

    @property
    def split(self) -> pd.DataFrame:
        """id, person and part (train, validation, test) of every sample. Raises RunError as `history`."""
        text: dict[str, Any] = {"dtype": str, "keep_default_na": False, "na_values": [""]}  # "007" and "NA" are names
        split = self._table("split.csv", **text)
        if missing := {"id", "part"} - {*split.columns}:
            raise RunError(
                f"{self.folder / 'split.csv'} is damaged (no column {' and '.join(sorted(missing))}); train again with --force"
            )
        return split

    def _table(self, name: str, **options: Any) -> pd.DataFrame:
        import pandas as pd

        try:
            return pd.read_csv(self.folder / name, **options)
        except (OSError, ValueError) as error:
            reason = " ".join(str(error).split())[:200]
            raise RunError(
                f"{self.folder / name} is missing or damaged ({reason}); train again with --force"
            ) from error

    def model(self) -> Pretrained:
        """The trained model, ready to use.

        Raises RunError where the training has not finished.
        """
        return MODELS[self.facts["kind"]].from_pretrained(self._model_folder())

    @property
    def model_settings(self) -> dict[str, Any]:
        """The configuration of the trained model, which is read without loading the model.

        Raises RunError where the training has not finished, or the file is damaged.
        """
        return read_object(self._model_folder() / "config.json", "save or train the model again")

    @property
    def backbones(self) -> dict[str, dict[str, Any] | None]:
        """Modality of the model -> what the run records about its backbone; None for a training on arrays."""
        facts, modalities = self.facts.get("modalities", {}), self.model_settings.get("modalities")
        if not isinstance(modalities, dict):
            raise RunError(
                f"{self.folder / 'model' / 'config.json'} is damaged (no modalities); train again with --force"
            )
        return {name: facts.get(name) for name in modalities}

    def _model_folder(self) -> Path:
        if not self.finished:
            raise RunError(
                f"{self.folder}: its training has not finished; run the same train command again to continue it"
            )
        if not (self.folder / "model").is_dir():
            raise RunError(f"{self.folder}/model is missing; train again with --force")
        return self.folder / "model"

    def record(self, **facts: Any) -> None:
        """Add to run.json."""
        known = self.facts if (self.folder / "run.json").is_file() else {}
        write_text(self.folder / "run.json", json.dumps({**known, **facts}, indent=2) + "\n")


def open_run(folder: Path) -> Run:
    """The run in a folder.

    Raises RunError where there is none.
    """
    folder = Path(folder)
    missing = sorted(name for name in OURS if not (folder / name).is_file())
    if missing:
        state = "is a file" if folder.is_file() else "is not a folder"
        state = f"lacks {' and '.join(missing)}" if folder.is_dir() else state
        near = _runs_near(folder)
        remedy = f"did you mean {' or '.join(map(str, near))}?" if near else "`affectspace train` makes one"
        raise RunError(f"{folder} is not a run of affectspace: it {state}; {remedy}")
    run = Run(folder)
    kind = run.facts.get("kind")
    if kind is None:
        raise RunError(f"{folder / 'run.json'} is damaged (it has no kind); train again with --force")
    if kind not in MODELS:
        raise RunError(f"{folder} is a run of kind {kind!r}; this version knows {', '.join(MODELS)}")
    return run


def _runs_near(path: Path) -> list[Path]:
    """Return up to five runs that a path could mean: the run that it is in, runs below it, or beside it."""
    inside = [parent for parent in path.absolute().parents[:3] if all((parent / name).is_file() for name in OURS)]
    if inside:
        return [Path(os.path.relpath(inside[0])) if not path.is_absolute() else inside[0]]
    place = path if path.is_dir() else path.parent
    levels = ("*/run.json", "*/*/run.json", "*/*/*/run.json") if path.is_dir() else ("*/run.json",)
    runs = [found.parent for level in levels for found in islice(sorted(place.glob(level)), 5)]
    return [run for run in runs if (run / "config.yaml").is_file()][:5]


def load(folder: str | Path) -> Pretrained:
    """Whatever model a run folder holds, in evaluation mode.

    Raises RunError where the folder is not a finished run.
    """
    return open_run(Path(folder)).model()


@contextmanager
def started_run(folder: Path, config: TrainConfig | ProjectorTrainConfig, *, force: bool = False) -> Iterator[Run]:
    """Open a run folder for this process alone: a new one, or the unfinished one that was started with the same configuration.

    A folder in which nothing was trained is removed again if the training is refused. Raises RunError where the folder holds
    something else, another configuration, or a finished run, and force is not given; where another process trains in it.
    """
    if config.fit.logger == "tensorboard" and find_spec("tensorboard") is None:
        raise ConfigError(
            "fit.logger: tensorboard is not installed; pip install 'affectspace[tensorboard]', or use csv"
        )
    folder = Path(folder)
    _is_occupied(folder)  # before the lock, so that nothing is written into a folder of something else
    new = not folder.exists()
    with locked_folder(folder, "training"):
        try:
            yield start_run(folder, config, force=force)
        except AffectspaceError:
            log_file = folder / "log.txt"
            if new and not (log_file.is_file() and log_file.stat().st_size):
                shutil.rmtree(folder, ignore_errors=True)
            raise


def _is_occupied(folder: Path) -> bool:
    """Return whether a folder holds a run. Raises RunError where it holds something else."""
    if folder.is_file():
        raise RunError(f"{folder} is a file; --out names a folder")
    there = {entry.name for entry in folder.iterdir() if not is_partial(entry)} if folder.is_dir() else set()
    if there <= BEGUN:
        return False
    if not all((folder / name).is_file() for name in OURS):
        raise RunError(
            f"{folder} is not empty and not a run of affectspace; choose another --out (nothing was changed)"
        )
    return True


def start_run(folder: Path, config: TrainConfig | ProjectorTrainConfig, *, force: bool = False) -> Run:
    """Return the run in a folder that this process has locked, a new one or one to continue. See `started_run`."""
    folder = Path(folder)
    occupied = _is_occupied(folder)
    remove_partials(folder)
    if occupied and force:
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name in OURS):  # the marks of a run last
            if entry.name != LOCK:
                shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
        occupied = False
    if occupied:
        run = open_run(folder)
        if run.finished:
            raise RunError(
                f"{folder} holds a finished run; --force trains it again, `affectspace evaluate` evaluates it"
            )
        require_same_config(
            run, config, "continue it with the same one, choose another --out, or start again with --force"
        )
        if has_trained(folder):
            return run
    write_text(folder / "config.yaml", config.to_yaml())
    run = Run(folder)
    versions = {name: version(name) for name in PACKAGES}
    run.record(kind=config.kind, state="training", versions=versions, places=places_of(config, folder))
    return run


def has_trained(folder: Path) -> bool:
    """Whether a training in a folder got as far as a checkpoint: a start that failed before that binds nobody."""
    return (folder / "checkpoints").is_dir()


def require_same_config(run: Run, config: Any, remedy: str) -> None:
    """Raises RunError, with the keys and the remedy, where a folder was trained with another configuration."""
    if not has_trained(run.folder):
        return
    before = read_config(run.folder / "config.yaml")  # as it was written
    changed = differences(before.model_dump(mode="json"), config.model_dump(mode="json"))
    if changed:
        raise RunError(f"{run.folder} was started with another configuration ({', '.join(changed)}); {remedy}")


def differences(one: Any, other: Any, key: str = "") -> list[str]:
    """Keys at which two nested configurations differ, as key.key: ours -> theirs."""
    if isinstance(one, dict) and isinstance(other, dict):
        names = [*one, *(name for name in other if name not in one)]
        return [
            row for name in names for row in differences(one.get(name), other.get(name), f"{key}.{name}".lstrip("."))
        ]
    return [] if one == other else [f"{key}: {one} -> {other}"]


def require_split(run: Run, now: pd.DataFrame) -> None:
    """Raise RunError unless the parts are those in the run's split.csv.

    now : id, corpus, person, part of every row
    """
    if not (run.folder / "split.csv").is_file():
        raise RunError(
            f"{run.folder}/split.csv is missing, so it is unknown which rows were trained on; train again with --force"
        )
    import numpy as np

    then = run.split
    if "part" not in then or "id" not in then:
        raise RunError(f"{run.folder}/split.csv is damaged: it has no columns id and part; train again with --force")
    then = then.dropna(subset="part").reset_index(drop=True)
    columns = [name for name in now.columns if name in then.columns]
    differs = (
        np.flatnonzero((_plain(then)[columns] != _plain(now)[columns]).any(axis=1)) if len(then) == len(now) else None
    )
    if differs is not None and not len(differs):
        return
    if differs is None:
        count = f"{counted(len(then), 'row')} then, {len(now)} now"
    else:
        count = f"{len(differs)} rows differ, the first {now['id'].iloc[differs[0]]}"
    raise RunError(
        f"{run.folder}: the corpus or its split has changed since the training ({count}), so people of the training could "
        "be tested; restore the corpus, or train again with --force"
    )


def _plain(split: pd.DataFrame) -> pd.DataFrame:
    """Texts, without the corpus' name that earlier versions put before every person."""
    texts = split.fillna("").astype(str)
    if "corpus" in texts and texts["corpus"].nunique() == 1:
        texts["person"] = texts["person"].str.removeprefix(texts["corpus"].iloc[0] + ":")
    return texts
