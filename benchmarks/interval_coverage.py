"""How often intervals over few people hold the true value, and how often p is below .05 where there is no effect.

It draws corpora of 7, 10, 24 and 100 people with 5 to 39 rows each. People differ in their mean, in how a model misjudges
them, and in how easily their emotions are named. "Before" is the percentile bootstrap over people with 400 resamples, and
the p of a normal distribution with its width. "After" is `interval` and `Interval.p`.

Run: python benchmarks/interval_coverage.py --simulations 2000
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.stats import norm

from affectspace.evaluation import interval
from affectspace.evaluation.intervals import sign_flip_p

PEOPLE = (7, 10, 24, 100)
RESAMPLES, FLIPS = 400, 999
SKILL, SKILL_SPREAD = 0.4, 0.4  # log odds of a right emotion: mean, and deviation over people
SLOPE, OFFSET, NOISE = 0.6, 0.4, 0.8  # predictions: slope x truth + offset of the person + noise
VARIANCE = 1.25  # of the truth: .25 between people, 1 within
Draw = dict[str, Any]  # arguments of `interval`


def ratings(rng: np.random.Generator, people: int, slope: float = SLOPE) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw people, truth (n,) and the predictions of two equally good models (2, n)."""
    who = np.repeat(np.arange(people), rng.integers(5, 40, people))
    truth = 0.5 * rng.normal(size=people)[who] + rng.normal(size=len(who))
    offsets = OFFSET * rng.normal(size=(2, people))[:, who]
    return who, truth, slope * truth + offsets + NOISE * rng.normal(size=(2, len(who)))


def r(rng: np.random.Generator, people: int, slope: float = SLOPE) -> Draw:
    who, truth, (ours, _) = ratings(rng, people, slope)
    return {"metric": "pearson", "truth": truth, "prediction": ours, "groups": who}


def difference_of_r(rng: np.random.Generator, people: int) -> Draw:
    who, truth, (ours, theirs) = ratings(rng, people)
    return {"metric": "pearson", "truth": truth, "prediction": ours, "groups": who, "versus": theirs}


def mse_ratio(rng: np.random.Generator, people: int) -> Draw:
    who, truth, models = ratings(rng, people)
    ours, theirs = (models - truth) ** 2
    return {"metric": "mean", "truth": None, "prediction": ours, "groups": who, "versus": theirs, "how": "ratio"}


def emotions(rng: np.random.Generator, people: int, models: int = 1) -> Draw:
    """Draw three emotions and the guesses of one or two models that are right equally often, more so for some people."""
    who = np.repeat(np.arange(people), rng.integers(5, 40, people))
    truth = rng.choice(3, len(who), p=[0.5, 0.3, 0.2])
    skill = SKILL + SKILL_SPREAD * rng.normal(size=(models, people))[:, who]
    right = rng.random(skill.shape) < 1 / (1 + np.exp(-skill))
    guesses = np.where(right, truth, (truth + rng.integers(1, 3, skill.shape)) % 3)
    versus = guesses[1] if models > 1 else None
    return {"metric": "uar", "truth": truth, "prediction": guesses[0], "groups": who, "versus": versus}


def true_r() -> float:
    return float(SLOPE * VARIANCE / np.sqrt(VARIANCE * (SLOPE**2 * VARIANCE + OFFSET**2 + NOISE**2)))


def true_uar() -> float:
    x = np.linspace(-8, 8, 100_001)
    weight = np.exp(-x * x / 2)
    return float(np.sum(weight / (1 + np.exp(-SKILL - SKILL_SPREAD * x))) / weight.sum())


CASES: dict[str, tuple[Callable[..., Draw], float, Callable[..., Draw]]] = {
    # name: draws with a known value, that value; draws without an effect
    "r": (r, true_r(), lambda rng, people: r(rng, people, 0.0)),
    "difference of r": (difference_of_r, 0.0, difference_of_r),
    "UAR, its difference": (emotions, true_uar(), lambda rng, people: emotions(rng, people, 2)),
    "MSE ratio": (mse_ratio, 1.0, mse_ratio),
}


def percentile_bootstrap(draw: Draw, rng: np.random.Generator) -> tuple[float, float, float]:
    """The interval and p that were used before, from the sums per person."""
    from affectspace.evaluation.intervals import _METRICS, _combined, _models

    how = draw.get("how", "difference")
    models = _models(draw["prediction"], draw.get("versus"), how)
    statistics = _METRICS[draw["metric"]][0](draw["truth"], models, draw["groups"])
    sums, people = statistics.sums, len(statistics.sums)
    counts = rng.multinomial(people, np.full(people, 1 / people), RESAMPLES).astype(float)
    drawn = (counts @ sums.reshape(people, -1)).reshape(RESAMPLES, *sums.shape[1:])
    value = _combined(statistics.scores(sums.sum(axis=0)[None]), how)[0]
    low, high = np.nanquantile(_combined(statistics.scores(drawn), how), [0.025, 0.975])
    effect = value - (how == "ratio")
    return float(low), float(high), float(2 * norm.sf(abs(effect) / ((high - low) / (2 * norm.ppf(0.975)))))


def simulate(case: str, people: int, simulations: int, *, before: bool = True) -> dict[str, float]:
    """Return the coverage of both intervals and the share of p below .05 without an effect."""
    drawn, truth, without_effect = CASES[case]
    rng = np.random.default_rng([people, list(CASES).index(case)])
    shares = dict.fromkeys(("coverage before", "coverage", "p < .05 before", "p < .05"), 0.0)
    for _ in range(simulations):
        draw, empty = drawn(rng, people), without_effect(rng, people)
        new = interval(**draw)
        shares["coverage"] += new.low <= truth <= new.high
        shares["p < .05"] += sign_flip_p(interval(**empty).contributions, FLIPS) < 0.05
        if before:
            low, high, _ = percentile_bootstrap(draw, rng)
            shares["coverage before"] += low <= truth <= high
            shares["p < .05 before"] += percentile_bootstrap(empty, rng)[2] < 0.05
    return {name: count / simulations for name, count in shares.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--simulations", type=int, default=2000, help="Number of corpora for each row of the table")
    simulations = parser.parse_args().simulations
    started = time.perf_counter()
    print(
        f"{simulations} corpora for each row; the error of a share of .95 is {np.sqrt(0.95 * 0.05 / simulations):.3f}\n"
    )
    print(f"{'':<20} people | coverage of 95 %: before  after | p < .05 without effect: before  after")
    for case in CASES:
        for people in PEOPLE:
            share = simulate(case, people, simulations)
            print(
                f"{case:<20} {people:>6} | {share['coverage before']:>24.3f} {share['coverage']:>6.3f} | "
                f"{share['p < .05 before']:>30.3f} {share['p < .05']:>6.3f}"
            )
    print(f"\n{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
