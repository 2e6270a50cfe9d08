"""The figures of the affective-manifold paper, as results with their source, and what its protocol leaves open."""

from typing import Any

from affectspace.affect import AXES
from affectspace.evaluation.results import Result, Results

CITATION = (
    "Li, W., Cheng, J., Tang, X., Vong, C. M.: Anchoring the Affective Manifold: Learning Canonical and Disentangled "
    "Representations via Generative Cross-Modal Alignment"
)

# Table 1: Pearson's r on the IEMOCAP test set; rows are axes of the shared latent, columns the rated attributes.
_TABLE_1 = {"valence": (0.533, -0.120, -0.190), "arousal": (-0.017, 0.630, 0.493), "dominance": (-0.133, 0.523, 0.503)}
_AGREEMENT = (0.645, 0.511, 0.383)
# Table 2: between the shared and the private latents of one modality, IEMOCAP. How MI is estimated is not stated.
_TABLE_2 = {
    "text": {"mean_abs_r": 0.0255, "cka": 0.0126, "mi_pairs": 0.0058},
    "audio": {"mean_abs_r": 0.0297, "cka": 0.0164, "mi_pairs": 0.0056},
    "video": {"mean_abs_r": 0.0235, "cka": 0.0109, "mi_pairs": 0.0055},
}
# Table 3: accuracy of a linear probe of the emotion, IEMOCAP; printed there in per cent.
_TABLE_3 = {
    "text": {"full": 0.500, "shared": 0.569, "private": 0.372},
    "audio": {"full": 0.540, "shared": 0.567, "private": 0.383},
    "video": {"full": 0.551, "shared": 0.540, "private": 0.387},
}
# Table 4: Pearson's r of the shared valence with sentiment; trained on IEMOCAP, nothing fitted on the target.
_TABLE_4 = {
    "mvae": {"mosi": 0.13, "mosei": 0.15},
    "misa": {"mosi": 0.26, "mosei": 0.28},
    "letter": {"mosi": 0.40, "mosei": 0.43},
}
# Table 5: what the encoder reads of the three seed sentences, before any steering.
SEED_AFFECT = {"theme 1": (-0.614, 0.121, 0.469), "theme 2": (-0.534, -0.280, 0.511), "theme 3": (0.580, 0.141, -0.168)}
_VIDEO = ("video", "action_units")  # video stands beside action units


def _published(experiment: str, value: float, **columns: str) -> Result:
    named: dict[str, Any] = {"model": "letter", **columns}  # the paper's model, see `plan.PAPER_MODEL`
    return Result(study="published", experiment=experiment, value=value, **named)


PUBLISHED = Results(
    [
        *(
            _published("table_1", value, latent=axis, target=target, metric="r")
            for axis, values in _TABLE_1.items()
            for target, value in zip(AXES, values, strict=True)
        ),
        *(
            _published("table_1", value, model="raters", target=target, metric="r")
            for target, value in zip(AXES, _AGREEMENT, strict=True)
        ),
        *(
            _published("table_2", value, modality=shown, metric=metric)
            for modality, values in _TABLE_2.items()
            for shown in (_VIDEO if modality == "video" else (modality,))
            for metric, value in values.items()
        ),
        *(
            _published("table_3", value, modality=shown, latent=latent, metric="accuracy")
            for modality, values in _TABLE_3.items()
            for shown in (_VIDEO if modality == "video" else (modality,))
            for latent, value in values.items()
        ),
        *(
            _published("table_4", value, model=model, target="sentiment", condition=corpus, metric="r")
            for model, values in _TABLE_4.items()
            for corpus, value in values.items()
        ),
    ]
)

FAULTS = (
    "The third axis of Table 1 follows arousal (.523) more than dominance (.503). The text calls the moderate coupling "
    "psychological reality.",
    "The agreement of two raters is treated as a bound to exceed. The bound for a correlation with raters' means is the root "
    "of the mean's reliability, which is higher (about .89/.82/.74 if the printed figures are pairwise and two raters are "
    "averaged).",
    "The figures of Table 2 are those of independent noise: for independent Gaussians of 3 and 64 dimensions and 1,000 rows, "
    "mean |r| is .025 and linear CKA is .012. They cannot distinguish independence from weak dependence, and no permutation "
    "floor stands beside them. The trained penalty (Eq. 8) is a covariance: a private latent that shrinks satisfies it.",
    "The probe of Table 3 is worse on shared and private latents together than on the shared one alone, which contains less. "
    "A well regularised probe is not; the 'denoising' may be over-fitting. The private accuracy is 6 to 8 points above the "
    "majority of the usual four classes (30.9 %), so the private latent is not free of emotion.",
    "Table 4 compares valence with sentiment, which is another quantity. It does not say how MVAE and MISA, which have no "
    "valence axis, are read.",
    "The 'fully supervised baselines' of the abstract are in no table.",
    "Overlapping centroids in Figure 2 do not show that the clouds overlap; the modality gap is not tested.",
    "No table has an interval, a number of seeds, a number of rows or a split.",
)

NOT_STATED = (
    "Widths of the private latents, depth and width of the networks, all weights of Eq. 11, beta, optimiser, batch, epochs.",
    "Whether sums or means are taken over dimensions, modalities and rows (Eqs. 5-10).",
    "Whether L_GT pulls the sample or the mean of the posterior.",
    "How the modalities are fused for Tables 1 and 4, and from which modality the axes of Table 1 come.",
    "The split of IEMOCAP, its classes in Table 3, the version of MOSI and MOSEI.",
    "How mutual information is estimated (the number of bins alone changes it tenfold), on how many rows, and whether on "
    "samples or means.",
    "The probe of Table 3, its regularisation, and what 'average private modality representation' means in Figure 3.",
    "How EmotionDynamics adjusts for context: the tool of that name does not.",
)

ASSUMED = (
    "Features are frozen vectors, one for each sample, standardised on the training rows. Labels lie on [-1, 1].",
    "Everything is measured on posterior means, on a fixed number of rows.",
    "L_GT is on the mean, with a separate uncertainty head; the paper's sample is a setting.",
    "The objective is divided by the features' width, so that weights mean the same at any width; the paper's sums are a "
    "setting (`reduction: paper`).",
    "The fusion of modalities is a setting (`fusion`), equal for all models that are compared; the plain mean is an ablation.",
    "The squared errors of Eqs. 5 and 7 have no factor 1/2, as in the paper. With beta 1 the objective is therefore an "
    "evidence lower bound whose decoder has a variance of 1/2; beta 2 is that of unit variance.",
    "The optimiser is AdamW, and the weights of the last epoch are kept.",
    "Missing modalities are masked: L_lex applies to text only, cross-reconstruction to the modalities that a row has.",
    "MVAE and MISA are read by their own heads where they have some, otherwise by a linear read-out of the training rows.",
    "Probes are chosen on validation people, classes have equal weight, and all latents are read by the same probes.",
)
