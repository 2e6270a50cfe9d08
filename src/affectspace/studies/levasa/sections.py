"""The tables of the report as declarations over the results, and its sections in the order of reading."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from affectspace.studies.levasa.paper import FAULTS
from affectspace.studies.levasa.plan import LETTER, TITLES
from affectspace.studies.levasa.study import AXES, COMBINATIONS, Arm
from affectspace.studies.tables import Callout, Columns, Figures, Part, Section, Table, grid

CHUNKS = {"va": "z_v, z_a", "z_v": "z_v", "z_a": "z_a", "z_z": "z_z", "vaz": "all three"}
WORDS = {
    **TITLES,
    "majority": "floor: majority",
    "pca_96": "floor: PCA-96 of pixels",
    "constant": "floor: constant",
    "class_mean_centres": "knowing the emotion, against centres",
    "class_mean_sampled": "knowing the emotion, against sampled labels",
    "gaussian": "floor: N(0, I), closed form",
    "uniform": "floor: uniform guess",
    "marginal": "floor: frequencies of training levels",
    f"{LETTER}vanilla_discrete": "Vanilla VAE (the paper's second split)",
    "vaz": "z_v, z_a and z_z",
    "head": "projection heads",
    "probe": "linear probe of levels",
}


def sections(arm: Arm, same_corpus: str, several: bool) -> Iterator[Section]:
    """List the sections of one corpus.

    same_corpus : whether data, protocol and measure are the paper's; several : the study has another corpus
    """
    prefix, name = arm.prefix, f": {arm.name}" if several else ""
    yield Section(
        f"Emotion on held-out people{name}",
        INFERRED if prefix else "",
        [*emotion_tables(prefix), _comparisons(prefix), Figures((f"{prefix}confusion",))],
    )
    pictures = Figures(tuple(f"{prefix}{figure}" for figure in ("readout_valence", "readout_arousal")))
    circumplex = Figures(tuple(f"{prefix}{figure}" for figure in ("figure_3_paper", "figure_3_circumplex")))
    parts: list[Part] = [readout_table(prefix), pictures, circumplex]
    if not prefix:
        parts += [Figures(("figure_2_ellipses",)), _allowed()]
    yield Section(f"Valence and arousal on held-out people{name}", parts=parts)
    figures = ("figure_4_reconstructions", "rate_distortion", "rate_distortion_kl", "uar_over_weight", "walk")
    over_default = Table(
        "Squared error of the residual network's reconstructions over that of LeVAsa, continuous",
        {"experiment": f"{prefix}reconstruction", "versus": "continuous"},
        [("ratio", {"metric": "mse_ratio"})],
        note="Test people, paired by person. The members without one loss show what it is for.",
    )
    parts = [reconstruction_table(prefix), over_default, Figures(tuple(f"{prefix}{figure}" for figure in figures))]
    yield Section(f"Reconstruction, and what alignment costs{name}", parts=parts)
    if arm.data.drawn:  # no published figure can stand beside drawn faces; metrics.json has these tables
        return
    faults = [] if prefix else [Callout("fault", " ".join(FAULTS))]
    text = "For comparison only." if prefix else "For comparison only; the faults of this protocol:"
    training = "the training images, their levels" if prefix else "the training images, sampled labels"
    published = paper_tables("paper", f"{training}, MLPs on random rows", prefix)
    yield Section(f"The paper's tables, as published{name}", text, [*faults, Callout("note", same_corpus), *published])
    text = "The published figures beside ours come from the other protocol."
    truth = "their levels" if prefix else "the ellipses' centres"
    held_out = paper_tables("strict", f"people unseen in training, {truth}", prefix)
    yield Section(f"The paper's tables on held-out people{name}", text, held_out)


INFERRED = (
    "This corpus has no emotions. A face has that of AffectNet's nearest centre (Algorithm 1, line 6): a function of its "
    "valence and arousal, and no annotation. The paper leaves this corpus out of Table 3."
)


def _by_chunk(metric: str, name: str, latents: Sequence[str] = tuple(CHUNKS)) -> Columns:
    return grid(f"{name} {{latent}}".strip(), metric=metric, latent={latent: CHUNKS[latent] for latent in latents})


def emotion_tables(prefix: str = "") -> list[Table]:
    """Declare the tables of linear probes on all combinations of chunks, and the spread between seeds."""
    note = (
        "Linear probe fitted on train people, its C chosen on validation people, scored on test people; classes have equal "
        "weight. Intervals are over people, seeds averaged. The supervised network is scored by "
        "its own logits. The Vanilla VAE's z_v and z_a are the two chunks from which ridge regressions read valence and "
        "arousal best on validation people."
    )
    rows: dict[str, Any] = {"experiment": f"{prefix}probes", "versus": ""}
    recall = [*_by_chunk("uar", "UAR"), ("probes that converged", {"metric": "converged"})]
    accuracy = [*_by_chunk("accuracy", "accuracy"), ("most frequent emotion's share", {"metric": "share_of_part"})]
    seeds = grid("{metric}", metric={"uar_lowest_seed": "lowest seed", "uar_highest_seed": "highest seed"}, latent="va")
    spread = "Spread between seeds: UAR of z_v, z_a"
    pairs = grid(
        "{metric}", metric={
            "uar": "UAR, test people", "levasa_minus_pair": "LeVAsa minus this pair, test people",
            "validation_r2": "R2 of valence plus arousal, validation people", "chosen": "seeds that chose it",
        },
    )  # fmt: skip
    return [
        Table("Primary endpoint and all combinations of chunks: UAR", rows, recall, note=note),
        Table(
            "The same probes: accuracy", rows, accuracy,
            note="Classes have equal weight in the fit, so it does not maximise accuracy.",
        ),
        Table(spread, {**rows, "note": lambda note: ", " in note}, seeds),
        Table(
            "Each pair of the Vanilla VAE's chunks", {"experiment": f"{prefix}vanilla_pairs"}, pairs, ("model", "latent"),
            note="The pair with the largest R2 on validation people stands in the tables above. Nothing is chosen on test.",
        ),
    ]  # fmt: skip


def _comparisons(prefix: str) -> Table:
    note = "Paired by person; p by flipping the signs of people's contributions."
    if not prefix:
        note += " The first row is the primary endpoint."
    columns = grid("{metric}", metric={"uar": "difference of UAR", "p": "p", "p_holm": "p after Holm"}, latent="va")
    where: dict[str, Any] = {"experiment": f"{prefix}probes", "versus": bool}
    caption = "Differences of UAR on the valence and arousal chunks"
    return Table(caption, where, columns, ("model", "versus"), "difference", note)


def readout_table(prefix: str = "") -> Table:
    """Declare the table of valence and arousal read from held-out people; prefix : of the experiment's name."""
    note = (
        "Ridge on z_v and z_a, fitted on train people at the emotions' natural frequencies, penalty chosen on validation "
        "people, against the evaluation labels (the ellipses' centres where labels are transferred)."
    )
    if not prefix:
        note += (
            " Training of our models draws all emotions equally often, so their heads' mean differs from these rows', and "
            "their R2 suffers."
        )
    columns = [
        *grid("R2 {target}", metric="r2", target=AXES),
        *grid("{target}, minus Vanilla's", metric="r2", target=AXES, versus="vanilla"),
        *grid("own head, {target}", metric="r2", target=AXES, latent="heads"),
        ("UAR, own heads' nearest ellipse", {"metric": "uar", "latent": "heads"}),
    ]  # fmt: skip
    caption = "Second endpoint: valence and arousal read from held-out people"
    return Table(caption, {"experiment": f"{prefix}readouts"}, columns, note=note)


def reconstruction_table(prefix: str = "") -> Table:
    """Declare the table of reconstruction errors, rate and active units; prefix : of the experiment's name."""
    columns = [
        ("MSE", {"metric": "mse"}), ("MSE over Vanilla's", {"metric": "mse_ratio", "versus": "vanilla"}),
        *grid("{metric}", metric={"psnr": "PSNR, dB", "ssim": "SSIM", "rate_nats": "KL, nats", "active_units": "active units"}),
        *grid("active in {latent}", metric="active_units", latent=("z_v", "z_a", "z_z")),
    ]  # fmt: skip
    note = (
        "Decoded posterior means, images in [0, 1]. Active: the variance of the mean exceeds .01 (Burda et al. 2016)."
    )
    caption = "Reconstruction, rate and active units on test people"
    return Table(caption, {"experiment": f"{prefix}reconstruction"}, columns, note=note)


def _allowed() -> Table:
    returns = grid("samples that return, {target}", metric="returns", target=("mean", "anger"))
    return Table(
        "What transferred labels allow, given the emotion", {"experiment": "transferred_labels"},
        [*grid("R2 {target}", metric="r2", target=AXES), *returns], head="sampling",
    )  # fmt: skip


def paper_tables(protocol: str, trained_on: str, prefix: str = "") -> list[Part]:
    """Declare tables 1 to 3 of one corpus under one protocol."""
    base = f"protocol {protocol}: {trained_on}"

    def where(table: str) -> dict[str, Any]:
        return {"experiment": f"{prefix}{table}", "condition": protocol, "versus": ""}

    names = {"mse": "MSE", "abs_mean_error": "|mean error|", "mae": "MAE"}
    distances = grid("{metric} {target}", target=(*AXES, "combined"), metric=names)
    distances_note = (
        "The published 'MAE' is the absolute value of the mean error and stands in that column. Published values are halved "
        "in the authors' notebooks and 'normalized' in the text, so they are not the same measure as ours. The Vanilla VAE's "
        "chunks are the closest ones on validation people. Heads in our network read four dimensions of their chunk, so the "
        "others stay near N(0, I), and its chunks are far from the labels."
    )
    levels_note = (
        "Nats; combined is the sum of both axes. A Vanilla VAE has no head over levels, and the paper does not say what is "
        "measured there; its row takes each chunk's first dimensions as logits, which is our assumption. Models to the "
        "paper's letter learn each level against the rest (BCE), ours by cross-entropy."
    )
    if not prefix:
        levels_note += " IMFDB has 19 levels in the paper; ours are the 21 of AFEW-VA."
    names = {"mse": "MSE", "mae": "MAE", "ev": "EV", "r2": "R2"}
    errors = grid("{target} {metric}", target=AXES, metric=names)
    errors_note = (
        "One hidden layer (its width is our assumption), trained until the error on its validation rows is no better for 400 "
        "steps; valence from z_v, arousal from z_a."
    )
    accuracy = [*_by_chunk("accuracy", "", COMBINATIONS), ("whatever the chunk", {"metric": "accuracy"})]
    accuracy.append(("MLPs that converged", {"metric": "converged"}))
    split = (
        "One split for all models. Each MLP is trained until UAR on its validation rows is no better for 400 steps; all "
        "classes have equal weight."
    )
    if not prefix:
        split += " The paper has two, so both its Vanilla rows stand beside one of our models."
    tables: list[Part] = [
        Table(
            f"Table 1, continuous; {base}", where("table_1_continuous"), distances, ("model", "latent"), note=distances_note
        ),
        Table(
            f"Table 1, discrete; {base}: cross-entropy", where("table_1_discrete"),
            grid("{target}", metric="cross_entropy", target=("combined", *AXES)), ("model", "latent", "task"),
            note=levels_note,
        ),
        Table(f"Table 2, regression; {base}", where("table_2"), errors, note=errors_note),
        Table(f"Table 3, accuracy; {base}", where("table_3"), accuracy, note=split),
    ]  # fmt: skip
    recall = _by_chunk("uar", "", COMBINATIONS)
    strict = Table(f"Table 3 with UAR instead of accuracy; {base}", where("table_3"), recall)
    return [*tables, strict] if protocol == "strict" else tables
