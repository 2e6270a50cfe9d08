"""The figures and claims of the affective-manifold paper, as data with their source. Nothing here is ours."""

from dataclasses import dataclass

CITATION = (
    "Li, W., Cheng, J., Tang, X., Vong, C. M.: Anchoring the Affective Manifold: Learning Canonical and Disentangled "
    "Representations via Generative Cross-Modal Alignment"
)

# Table 1: Pearson's r on the IEMOCAP test set; rows are axes of the shared latent, columns the rated attributes.
_TABLE_1 = {
    "z_valence": {"r_valence": 0.533, "r_arousal": -0.120, "r_dominance": -0.190},
    "z_arousal": {"r_valence": -0.017, "r_arousal": 0.630, "r_dominance": 0.493},
    "z_dominance": {"r_valence": -0.133, "r_arousal": 0.523, "r_dominance": 0.503},
    "agreement": {"r_valence": 0.645, "r_arousal": 0.511, "r_dominance": 0.383},
}
# Table 2: between the shared and the private latents of one modality, IEMOCAP.
_TABLE_2 = {
    "text": {"mean_abs_r": 0.0255, "cka": 0.0126, "mi": 0.0058},
    "audio": {"mean_abs_r": 0.0297, "cka": 0.0164, "mi": 0.0056},
    "video": {"mean_abs_r": 0.0235, "cka": 0.0109, "mi": 0.0055},
}
# Table 3: accuracy of a linear probe of the emotion, IEMOCAP; given there in per cent.
_TABLE_3 = {
    "text": {"full": 0.500, "shared": 0.569, "private": 0.372},
    "audio": {"full": 0.540, "shared": 0.567, "private": 0.383},
    "video": {"full": 0.551, "shared": 0.540, "private": 0.387},
}
# Table 4: Pearson's r of the shared valence with sentiment; trained on IEMOCAP, nothing fitted on the target.
_TABLE_4 = {
    "mvae": {"mosi": 0.13, "mosei": 0.15},
    "misa": {"mosi": 0.26, "mosei": 0.28},
    "manifold": {"mosi": 0.40, "mosei": 0.43},
}
# Table 5: what the encoder says of the three seed sentences, before any steering.
_TABLE_5 = {
    "theme 1": {"valence": -0.614, "arousal": 0.121, "dominance": 0.469},
    "theme 2": {"valence": -0.534, "arousal": -0.280, "dominance": 0.511},
    "theme 3": {"valence": 0.580, "arousal": 0.141, "dominance": -0.168},
}
THEMES = {
    "theme 1": "My whole entire, bloody life time and time again.",
    "theme 2": "The business does not inspire me.",
    "theme 3": "Yes. On this I would.",
}

PUBLISHED: dict[str, dict[str, dict[str, float]]] = {
    "table_1": _TABLE_1,
    "table_2": _TABLE_2,
    "table_3": _TABLE_3,
    "table_4": _TABLE_4,
    "table_5": _TABLE_5,
}


def published(table: str, row: str, metric: str) -> float | None:
    """The paper's figure, None where it has none."""
    return PUBLISHED.get(table, {}).get(row, {}).get(metric)


@dataclass(frozen=True)
class Statement:
    """A claim to be tested: its key, its words, and who says so."""

    key: str
    text: str
    source: str


OURS = "our question"

STATEMENTS = (
    Statement("axes", "Each axis of the shared latent follows its own attribute more than the other two", "Table 1"),
    Statement("agreement", "The shared latent reaches the agreement of raters in arousal and dominance", "section 4.2"),
    Statement("centroids", "The centroids of the modalities nearly overlap in the shared space", "Figure 2"),
    Statement("mixing", "Samples of different modalities are intermixed in the shared space", "Figure 2"),
    Statement("independence", "Shared and private latents are statistically independent in every modality", "Table 2"),
    Statement("denoising", "The shared latent alone tells emotions better than shared and private together", "Table 3"),
    Statement("private", "The private latent tells emotions worse than the shared one", "Table 3"),
    Statement(
        "dissociation",
        "Double dissociation: emotion is read better off the shared latent, the speaker better off the private one",
        "section 4.3",
    ),
    Statement("mvae", "In zero-shot transfer the shared latent is above MVAE", "Table 4"),
    Statement("misa", "In zero-shot transfer the shared latent is above MISA", "Table 4"),
    Statement("supervised", "Transfer is more robust than that of a fully supervised network", "abstract"),
    Statement("cross", "Cross-modal reconstruction reduces the gap between modalities", "section 3.4"),
    Statement("lexicon", "The lexicon anchor makes the space robust against the bias of one corpus", "section 3.5"),
    Statement("steering", "Moving along shared valence changes a sentence's tone and keeps its topic", "Table 5"),
    Statement("ridge", "The shared latent reads valence, arousal and dominance at least as well as ridge does", OURS),
    Statement(
        "ridge_zero_shot", "In zero-shot transfer the shared latent is above ridge regression on the features", OURS
    ),
    Statement("intensity", "Within actor and emotion, predicted arousal rises from normal to strong intensity", OURS),
    Statement("softmax", "The shared latent reaches the softmax floor on RAVDESS' proxies", OURS),
    Statement(
        "leak", "A linear probe of the private latents tells RAVDESS' eight emotions in under 20 % of cases", OURS
    ),
    Statement("alive", "The private latents are alive: active units, reconstruction, speaker", OURS),
    Statement("hsic", "Training with HSIC lowers the dependence that HSIC measures", OURS),
    Statement("union", "One model for all corpora is not worse than one model for each", OURS),
    Statement(
        "retrieval", "Of synthetic people, one modality finds the same moment in another better than chance", OURS
    ),
    Statement(
        "generated",
        "A vector made from another modality's affect alone (Eq. 6) finds its own row better than chance",
        OURS,
    ),
    Statement("subsets", "Of synthetic people, every subset of modalities tells valence and arousal", OURS),
    Statement("scores", "Predicted widths score better (NLL, CRPS) than one constant width an axis", OURS),
    Statement("coverage", "90 % intervals cover 85 to 95 % in each third of the predicted widths", OURS),
    Statement("widening", "Predicted widths grow as modalities drop", OURS),
)

FAULTS = (
    "Table 1's third axis follows arousal (.523) more than dominance (.503); the text calls the moderate coupling "
    "psychological reality.",
    "The agreement of two raters is taken as a bound to be surpassed. The bound for a correlation with raters' means is "
    "the root of the mean's reliability, which is higher (about .89/.82/.74 if the printed figures are pairwise and two "
    "raters are averaged).",
    "Table 2's figures are those of independent noise: for independent Gaussians of 3 and 64 dimensions and 1,000 rows "
    "mean |r| is .025 and linear CKA .012. They cannot tell independence from weak dependence, and no permutation floor "
    "stands beside them. The penalty that is trained (Eq. 8) is a covariance: a shrunken private latent passes it.",
    "Table 3's probe does worse on shared and private together than on shared alone, which contains less. A probe that is "
    "regularised well does not; the 'denoising' may be over-fitting. Private accuracy is 6 to 8 points above the majority "
    "of the usual four classes (30.9 %), so it is not free of emotion.",
    "Table 4 compares valence with sentiment, which is another quantity, and does not say how MVAE and MISA, which have no "
    "valence axis, are read.",
    "The 'fully supervised baselines' of the abstract stand in no table.",
    "Figure 2's overlap of centroids does not show that the clouds overlap; no test of the modality gap is given.",
    "No table has an interval, a number of seeds, a number of rows or a split.",
)

NOT_STATED = (
    "Widths of the private latents, depth and width of the networks, all weights of Eq. 11, beta, optimiser, batch, epochs.",
    "Whether sums or means are taken over dimensions, modalities and rows (Eqs. 5-10).",
    "Whether L_GT pulls the sample or the mean of the posterior.",
    "How the modalities are fused for Tables 1 and 4, and from which modality Table 1's axes come.",
    "The split of IEMOCAP, its classes in Table 3, the version of MOSI and MOSEI.",
    "How mutual information is estimated (the number of bins alone moves it tenfold), over how many rows, on samples or means.",
    "The probe of Table 3, its regularisation, and what 'average private modality representation' means in Figure 3.",
    "How EmotionDynamics adjusts for context: the tool of that name does not.",
)

ASSUMED = (
    "Features are frozen vectors of one sample, standardised on the training rows; labels lie on [-1, 1].",
    "All is judged on posterior means, at a fixed number of rows.",
    "L_GT on the mean, and an uncertainty head of its own; the paper's sample is a setting.",
    "The whole objective is divided by the features' width, so that weights mean the same at any width; the paper's sums are "
    "a setting (`reduction: paper`).",
    "How modalities are fused is a setting (`fusion`), the same for all that are compared; the plain mean stands beside it.",
    "What is absent is masked: L_lex touches text only, cross-reconstruction the modalities that a row has.",
    "MVAE and MISA are read by their own heads where they have one, else by a linear read-out fitted on the training rows.",
    "Probes are chosen on validation people, classes weigh alike, and every model's latents meet the same probes.",
)
