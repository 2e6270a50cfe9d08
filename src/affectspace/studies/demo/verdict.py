"""Whether a prediction is right and why it is not: sentences by rules over predictions and truth."""

from __future__ import annotations

from collections.abc import Sequence

from affectspace.affect import AXES
from affectspace.prediction import Prediction
from affectspace.report.formatting import signed
from affectspace.studies.demo.held_out_example import Example, SubsetPrediction

NAMES = {"text": "text", "audio": "voice", "video": "face"}
WIDE = 1.645  # deviations to each side: an interval of 90 %
SURE = 3.0  # deviations from which on a prediction was too sure
NEUTRAL = 0.1  # distance from 0 up to which a value has no side
MISLEADS = 1.5  # times the error of the best recording that the worst one has, if it misleads


def names_of(modalities: tuple[str, ...]) -> str:
    """Write modalities in words: text + voice."""
    return " + ".join(NAMES[name] for name in modalities)


def missed_axes(example: Example, prediction: Prediction) -> list[str]:
    """Return the axes whose truth is outside the prediction's 90 % interval, or on the other side of neutral."""
    missed = []
    for axis, truth, mean, deviation in zip(AXES, example.truth, prediction.mean, prediction.deviation, strict=True):
        other_side = truth * mean < 0 and min(abs(truth), abs(mean)) > NEUTRAL
        if mean == mean and (abs(mean - truth) > WIDE * deviation or other_side):
            missed.append(axis)
    return missed


def verdict(example: Example, prediction: Prediction) -> str:
    """Write what was predicted from everything, the truth, and whether the prediction is right."""
    parts = [
        f"{axis} {signed(mean)} (true {signed(truth)})"
        for axis, mean, truth in zip(AXES, prediction.mean, example.truth, strict=True)
        if mean == mean
    ]
    missed = missed_axes(example, prediction)
    judged = (
        f"**Wrong in {' and '.join(missed)}.**"
        if missed
        else "**Right: every true value is inside the 90 % interval.**"
    )
    named = ""
    if prediction.emotion:
        same = "which is right" if prediction.emotion == example.emotion else f"and the truth is {example.emotion}"
        named = f" The nearest emotion is {prediction.emotion}, {same}."
    return f"{judged} From everything, the model reads {', '.join(parts)}.{named}"


def why(example: Example, predictions: Sequence[SubsetPrediction]) -> list[str]:
    """Write why a prediction is wrong; nothing where it is right. The last prediction is that from everything."""
    everything = predictions[-1].prediction
    missed = missed_axes(example, everything)
    if not missed:
        return []
    places = [AXES.index(axis) for axis in missed]
    place = max(places, key=lambda i: abs(everything.mean[i] - example.truth[i]))
    axis, truth, mean = AXES[place], example.truth[place], everything.mean[place]
    alone = {
        NAMES[entry.modalities[0]]: entry.prediction.mean[place]
        for entry in predictions
        if len(entry.modalities) == 1 and entry.prediction.mean[place] == entry.prediction.mean[place]
    }
    sentences = []
    ranked = sorted(alone, key=lambda name: abs(alone[name] - truth))
    if len(ranked) > 1:
        best, worst = ranked[0], ranked[-1]
        if abs(alone[worst] - truth) > MISLEADS * abs(alone[best] - truth):
            sentences.append(
                f"Why: the {worst} misleads. Alone it gives {axis} {signed(alone[worst])}; the {best} alone gives "
                f"{signed(alone[best])}, and the truth is {signed(truth)}."
            )
        else:
            sentences.append(
                f"Why: {', '.join(ranked)} all miss the {axis}, so the recordings hardly show it to this model."
            )
    if abs(mean) < abs(truth) and mean * truth > 0:
        sentences.append(
            "The side is right and the strength is not: predictions shrink towards neutral where cues are weak."
        )
    away = abs(mean - truth) / everything.deviation[place]
    if away > SURE:
        judged = "the model was too sure"
    else:
        judged = "about one truth in ten is as far away" if away > WIDE else "the stated uncertainty covers that"
    sentences.append(f"The truth is {away:.1f} standard deviations away: {judged}.")
    return sentences
