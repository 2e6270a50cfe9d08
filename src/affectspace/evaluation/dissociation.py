"""Double dissociation (Table 3): what probes read from the shared, private and full latent, and the gaps between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from affectspace.errors import DataError
from affectspace.evaluation.folds import Fold, OutOfFold, Probe, out_of_fold
from affectspace.evaluation.former import paired_uar_difference, uar_interval
from affectspace.evaluation.inputs import by_seed, known_labels, plain_labels, require_same_length
from affectspace.evaluation.intervals import RESAMPLES, Interval
from affectspace.evaluation.probes import linear_probe

PAIRS = (("shared", "full"), ("shared", "private"))


@dataclass(frozen=True)
class Dissociation:
    """Balanced accuracy of each latent, and of one less the other on the same drawn people.

    probes : latent -> out-of-fold results, one per seed. uar : latent -> interval. gaps : (latent, latent) -> paired interval.
    """

    probes: dict[str, list[OutOfFold]]
    uar: dict[str, Interval]
    gaps: dict[tuple[str, str], Interval]


def double_dissociation(
    latents: Mapping[str, Any],
    labels: ArrayLike,
    groups: ArrayLike,
    *,
    people: ArrayLike | None = None,
    pairs: Sequence[tuple[str, str]] = PAIRS,
    probe: Probe = linear_probe,
    folds: int | Sequence[Fold] = 5,
    rounds: int = 1,
    inner: ArrayLike | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
    **options: Any,
) -> Dissociation:
    """Probe each latent alike: the same folds, classes and weights, each with its own regularisation from the same grid.

    latents : name -> (n, d), or a list of them, one per seed, such as shared, private, full; labels (n,), groups (n,) what
        the folds keep apart. people : (n,), what the intervals draw, `groups` by default.
    pairs : gaps to be told; those whose latents are not given are left out.

    Raises DataError and ConfigError as `out_of_fold`.
    """
    if not latents:
        raise DataError("latents is empty: give at least one, such as {'shared': ..., 'private': ...}")
    results = {
        name: [
            out_of_fold(probe, one, labels, groups, folds=folds, rounds=rounds, inner=inner, seed=seed, **options)
            for one in by_seed(values)
        ]
        for name, values in latents.items()
    }
    drawn = groups if people is None else people
    said = {name: [one.predictions for one in each] for name, each in results.items()}
    draws = {"resamples": resamples, "seed": seed}
    return Dissociation(
        results,
        {name: uar_interval(labels, guesses, drawn, **draws) for name, guesses in said.items()},
        {
            (one, other): paired_uar_difference(labels, said[one], said[other], drawn, **draws)
            for one, other in pairs
            if one in said and other in said
        },
    )


def speaker_probe(
    features: ArrayLike,
    speakers: ArrayLike,
    sentences: ArrayLike,
    *,
    probe: Probe = linear_probe,
    folds: int = 5,
    inner: ArrayLike | None = None,
    seed: int = 0,
    **options: Any,
) -> OutOfFold:
    """Who speaks, told from rows whose sentence or dialogue the probe has not seen: `features` (n, d), the others (n,).

    Train and test share people and differ in `sentences`; the encoder must not have seen these people. With two sentences, as
    in RAVDESS, give folds=2 and `inner`, such as the emotion with its intensity. `reduced(linear_probe)` for the PCA-3 variant.
    Raises DataError for a speaker of one sentence only, which no such probe can know.
    """
    who, known = known_labels(speakers, "speakers")
    said, has = known_labels(sentences, "sentences")
    require_same_length(len(who), "speakers", len(said), "sentences")
    both = known & has
    if both.any():
        names, codes = np.unique(plain_labels(who[both], "speakers"), return_inverse=True)
        sentence = np.unique(plain_labels(said[both], "sentences"), return_inverse=True)[1]
        pairs = np.unique(np.stack([codes, sentence]), axis=1)
        alone = np.bincount(pairs[0], minlength=len(names)) < 2
        if alone.any():
            raise DataError(
                f"{int(alone.sum())} speakers, the first {names[alone][0]!s}, have one sentence or dialogue only: leave them "
                "out, as train and test must share people and differ in sentences"
            )
    return out_of_fold(probe, features, speakers, sentences, folds=folds, inner=inner, seed=seed, **options)
