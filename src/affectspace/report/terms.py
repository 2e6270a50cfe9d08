"""What the measures and words of a report mean, for readers who do not know them."""

import re
from collections.abc import Iterable

TERMS: dict[str, tuple[str, str]] = {  # term -> pattern of its occurrence, meaning
    "valence, arousal, dominance": (
        r"valence|arousal|dominance",
        "how pleasant, how excited, and how much in control; each from -1 to 1",
    ),
    "UAR": (
        r"UAR", "unweighted average recall: the share that is recognised of each class, averaged over the classes, so that "
        "rare classes count as much as frequent ones. Guessing reaches 1 divided by the number of classes",
    ),
    "r": (r"Pearson|\br\b", "Pearson's correlation of prediction and truth: 1 is perfect, 0 is a guess"),
    "CCC": (r"CCC", "concordance: like r, but it falls where predictions are shifted or too small. 1 is perfect, 0 a guess"),
    "R2": (r"R2", "share of the variance that is explained: 1 is perfect, 0 is the mean of the training rows"),
    "interval": (
        r"interval|\[", "[low, high], 95 %: how far the value may be off because only some people were tested",
    ),
    "floor": (
        r"floor|strongest simple", "a simple method that a model must beat to be worth something: guessing, ridge regression "
        "on the same input, or the main components (PCA) of the pixels",
    ),
    "ceiling": (r"ceiling", "what a network reaches that is trained for this one task with all labels"),
    "Vanilla VAE": (r"Vanilla", "the same network without valence and arousal in its training"),
    "chunk": (
        r"z_v|chunk", "a part of the code of a face: z_v is for valence, z_a for arousal, and z_z for all the rest",
    ),
    "permuted ellipses": (
        r"permuted ellipses", "a control: the emotions' places on the map are exchanged, so that supervision stays and "
        "the geometry is wrong",
    ),
    "probe": (r"[Pp]robe", "a simple classifier that is fitted on codes, to see what they contain"),
    "strict, paper": (
        r"\bstrict\b", "two protocols: strict tests on people that no model has seen; paper tests as published, on the "
        "training images",
    ),
    "shared, private": (
        r"\bprivate\b", "two parts of a code: shared is the same for text, voice and face; private is the rest of one of them",
    ),
    "CKA, HSIC, MI": (r"CKA|HSIC|\bMI\b", "measures of dependence between two parts of a code; 0 is independent"),
    "p after Holm": (r"Holm", "chance of a difference this large by luck, corrected for the number of comparisons"),
    "NLL, CRPS": (r"NLL|CRPS", "scores of a predicted uncertainty; lower is better"),
    "MSE, MAE": (r"\bMSE|MAE", "mean squared and mean absolute error; lower is better"),
    "PSNR, SSIM": (r"PSNR|SSIM", "likeness of a picture and its reconstruction; higher is better, SSIM 1 is equal"),
    "KL": (r"\bKL\b", "how much a code says about its picture, in nats"),
    "held, not held, not decided": (
        r"not decided", "a claim is held where the whole interval is on its side, not held where it is on the other side, and "
        "not decided where the interval contains the bar",
    ),
    "not measured": (r"not measured", "this study has no model or no data that the claim needs; more data would not help"),
    "seed": (r"\bseeds?\b", "number that starts the random choices of a training; several seeds show how much luck there is"),
}  # fmt: skip


def used_terms(texts: Iterable[str]) -> dict[str, str]:
    """Return the meaning of each term that occurs in the texts, in the order of `TERMS`.

    Examples
    --------
    >>> list(used_terms(["UAR on test people", "no interval"]))
    ['UAR', 'interval']
    """
    everything = "\n".join(texts)
    return {term: meaning for term, (pattern, meaning) in TERMS.items() if re.search(pattern, everything)}
