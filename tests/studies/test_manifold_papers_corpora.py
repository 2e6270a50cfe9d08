"""`reproduce manifold` on the paper's corpora: backbones of a study, and the whole path in the official layouts."""

import json
import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from affectspace.cli import app
from affectspace.configuration import nested
from affectspace.corpora import read_corpus
from affectspace.errors import ConfigError, DataError
from affectspace.evaluation.results import Result, Results
from affectspace.features import FeatureStore
from affectspace.models import ManifoldConfig
from affectspace.studies.claims import decide
from affectspace.studies.manifold.claims import PAPER_CLAIMS, as_headline
from affectspace.studies.manifold.corpora import Folders
from affectspace.studies.manifold.plan import FIT, HEADLINE, LETTER, PAPER_MODEL, Budget, quick_budget, training_of
from affectspace.studies.manifold.preparation import prepare
from affectspace.studies.manifold.report import published_figures
from affectspace.studies.manifold.study import Study
from affectspace.synthetic.speakers import make_official

CORPUS_NAMES = ("iemocap", "mosi", "mosei")


def make_corpora(root: Path, n: dict[str, int], video: bool) -> dict[str, Path]:
    return {name: make_official(name, root / name, n=rows, video=video, size=32, fps=2) for name, rows in n.items()}


def tiny_roberta(folder: Path, texts: Iterable[str]) -> Path:
    """A RoBERTa of random weights that knows the words of some texts."""
    import torch
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.normalizers import Lowercase
    from tokenizers.pre_tokenizers import Whitespace
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast, RobertaConfig, RobertaModel

    words = sorted({word for text in texts for word in text.lower().replace(",", " ").replace(".", " ").split()})
    known = {word: place for place, word in enumerate(["<s>", "<pad>", "</s>", "<unk>", *words])}
    tokenizer = Tokenizer(WordLevel(known, unk_token="<unk>"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = Lowercase(), Whitespace()
    tokenizer.post_processor = TemplateProcessing("<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>", cls_token="<s>", sep_token="</s>"
    ).save_pretrained(folder)
    config = RobertaConfig(
        vocab_size=len(known), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=66,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        RobertaModel(config).save_pretrained(folder)
    return folder


def tiny_speech(folder: Path) -> Path:
    """A data2vec of random weights."""
    import torch
    from transformers import Data2VecAudioConfig, Data2VecAudioModel

    config = Data2VecAudioConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, conv_dim=(8,) * 4,
        conv_stride=(5, 4, 4, 4), conv_kernel=(10, 8, 8, 8), num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2,
        conv_pos_kernel_size=3,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        Data2VecAudioModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return make_corpora(tmp_path_factory.mktemp("corpora"), {"iemocap": 30, "mosi": 20}, video=False)


def test_backbones_are_the_same_everywhere_or_refused_before_anything_is_trained(
    corpora: dict[str, Path], tiny_text: Path, tmp_path: Path
) -> None:
    experiments, budget = ["iemocap", "zero_shot_sentiment"], quick_budget(workers=1)
    features, out = tmp_path / "features", tmp_path / "out"
    mine = Folders(corpora=corpora, features=features, out=out, backbones={"text": str(tiny_text)})
    messages: list[str] = []
    prepare(mine, experiments, budget, tell=messages.append)
    for name in corpora:
        assert FeatureStore(features / f"{name}-text").backbone["name"] == f"text:{tiny_text.name}"
        assert FeatureStore(features / f"{name}-audio").backbone["name"] == "audio:functionals"
        assert not (features / f"{name}-video").exists()
    assert "IEMOCAP (synthetic): video is left out: the corpus has no video or image" in messages
    assert any(message.startswith("IEMOCAP (synthetic): 30 rows; text by text:") for message in messages)
    assert any("L_lex" in message for message in messages)

    prepare(mine.model_copy(update={"backbones": {}}), experiments, budget)  # complete stores are used as they are
    asked = {"audio": str(tiny_speech(tmp_path / "data2vec"))}
    with pytest.raises(ConfigError, match=r"iemocap-audio holds vectors of another backbone than --backbone names"):
        prepare(mine.model_copy(update={"backbones": asked}), experiments, budget)
    with pytest.raises(ConfigError, match=r"--backbone smell=\.\.\.: there is no such modality; choose from text"):
        prepare(mine.model_copy(update={"backbones": {"smell": "nose"}}), experiments, budget)
    place = features / "mosi-text" / "backbone.json"
    place.write_text(json.dumps({**json.loads(place.read_text()), "name": "text:other"}))
    with pytest.raises(
        ConfigError, match=r"text vectors of IEMOCAP and CMU-MOSI are of different backbones \(name text:"
    ):
        prepare(mine.model_copy(update={"backbones": {}}), experiments, budget)


@pytest.mark.parametrize("marked", [(), ("iemocap",), ("mosi",), ("iemocap", "mosi")])
def test_published_figures_stand_beside_real_people_only(
    marked: tuple[str, ...], corpora: dict[str, Path], tmp_path: Path
) -> None:
    """A folder without the mark of affectspace stands for a real corpus."""
    mine = {name: tmp_path / name for name in corpora}
    for name, folder in mine.items():
        shutil.copytree(corpora[name], folder)
        if name not in marked:
            (folder / "corpus.json").unlink()
    study = Study(
        tmp_path,
        Folders(corpora=mine, features=tmp_path, out=tmp_path),
        quick_budget(),
        ("iemocap", "zero_shot_sentiment"),
    )
    shown = published_figures(study)
    assert bool(shown.filter(experiment="table_1")) == ("iemocap" not in marked)
    assert bool(shown.filter(experiment="table_4", condition="mosi")) == (not marked)
    for name, folder in mine.items():
        title = study.source(name).title
        assert ("(synthetic)" in title) == (name in marked)
        assert read_corpus(name, folder).licence.startswith("made by affectspace") == (name in marked)


def test_a_corpus_without_any_of_the_trainings_modalities_is_refused(
    corpora: dict[str, Path], tiny_text: Path, tmp_path: Path
) -> None:
    silent, wordless = tmp_path / "mosi", tmp_path / "iemocap"
    shutil.copytree(corpora["mosi"], silent, ignore=shutil.ignore_patterns("Audio"))
    shutil.copytree(corpora["iemocap"], wordless, ignore=shutil.ignore_patterns("transcriptions"))
    mine = Folders(
        corpora={"iemocap": wordless, "mosi": silent}, features=tmp_path / "features", out=tmp_path / "out",
        backbones={"text": str(tiny_text)},
    )  # fmt: skip
    with pytest.raises(
        ConfigError,
        match=r"CMU-MOSI \(synthetic\) has none of the modalities audio of the training \(audio: the corpus has",
    ):
        prepare(mine, ["zero_shot_sentiment"], quick_budget(workers=1))


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # the probes' libraries may warn on so few rows
def test_the_whole_path_on_the_papers_corpora(tiny_timesformer: Path, tmp_path: Path) -> None:
    """IEMOCAP, MOSI and MOSEI in their official layouts, 400 rows each, with text, voice and clips: under five minutes."""
    folders = make_corpora(tmp_path, dict.fromkeys(CORPUS_NAMES, 400), video=True)
    texts = [text for name, folder in folders.items() for text in read_corpus(name, folder).table["text"]]
    backbones = {
        "text": tiny_roberta(tmp_path / "roberta", texts), "audio": tiny_speech(tmp_path / "data2vec"),
        "video": tiny_timesformer,
    }  # fmt: skip
    lexicon = tmp_path / "lexicon.txt"  # in the layout of the NRC-VAD lexicon
    lexicon.write_text(
        "".join(f"{word}\t{v}\t0.5\t0.5\n" for word, v in (("calm", 0.8), ("angry", 0.1), ("glad", 0.9)))
    )
    arguments = ["--out", tmp_path / "study", "--lexicon", lexicon, "--backbone-set", "video.crop=false", "--quick"]
    for name, folder in folders.items():
        arguments += [f"--{name}", folder]
    for modality, folder in backbones.items():
        arguments += ["--backbone", f"{modality}={folder}"]
    arguments += [
        "--ablation-seeds",
        "1",
        "--split",
        "session5",
        "--set",
        "fit.epochs=20",
        "--set",
        "fit.batch_size=64",
    ]
    CliRunner().invoke(app, ["reproduce", "manifold", *map(str, arguments)], catch_exceptions=False)
    results = Results.read(tmp_path / "study" / "metrics.json")
    trained = results.filter(experiment="iemocap", task="axes", metric="r", target="mean", versus="").distinct("model")
    assert set(trained) >= {
        HEADLINE, PAPER_MODEL, "supervised", "mvae", "misa", "no_cross", "no_independence", "hsic", "no_lexicon", "ridge",
    }  # fmt: skip
    for corpus in ("mosi", "mosei"):
        named = {"experiment": "zero_shot_sentiment", "target": "sentiment", "condition": corpus, "metric": "r"}
        assert results.get(task="axes", model=PAPER_MODEL, **named).paper is None  # these are synthetic people
        assert results.filter(task="subsets", model=HEADLINE, **named).distinct("modality") == [
            "text",
            "audio",
            "video",
        ]
    backbone = results.filter(experiment="features", task="backbone", modality="text")
    assert {row.note.partition(",")[0] for row in backbone} == {"text:roberta"}
    report = (tmp_path / "study" / "report.html").read_text()
    for words in (
        "session 5 held out", "agreement of two raters", "Table 4 by modality", "balanced accuracy",
        "on its equations to the letter", "The modality gap, IEMOCAP (synthetic)",
        "From every subset of modalities, IEMOCAP (synthetic)",
        "Made by affectspace: IEMOCAP, CMU-MOSI, CMU-MOSEI", "What made the vectors", "text:roberta",
    ):  # fmt: skip
        assert words in report, words
    for absent in ("EmoBank's test part", "RAVDESS, out of fold", "as published", "published: MOSI"):
        assert absent not in report, absent


@pytest.mark.parametrize(
    ("split", "columns", "message"),
    [
        (
            "script_independent",
            {"improvised": False, "scenario": "script01_1"},
            r"the corpus has 1 script \(script01\)",
        ),
        ("script_independent", {"improvised": True}, r"the corpus has 0 scripts \(all dialogues are improvised\)"),
        ("loso", {"session": "Session1"}, "1 session is too few"),
    ],
)
def test_a_split_that_cannot_be_is_refused_before_vectors_are_made(
    corpora: dict[str, Path],
    tmp_path: Path,
    split: Any,
    columns: dict[str, Any],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = read_corpus("iemocap", corpora["iemocap"])
    changed = replace(whole, table=whole.table.assign(**columns))
    monkeypatch.setattr("affectspace.studies.manifold.corpora.read_corpus", lambda *_: changed)
    mine = Folders(corpora={"iemocap": corpora["iemocap"]}, features=tmp_path / "features", out=tmp_path)
    with pytest.raises(DataError, match=message):
        prepare(mine, ["iemocap"], quick_budget(split=split))
    assert not (tmp_path / "features").exists()


def test_every_session_tests_a_script_of_its_own_in_a_small_corpus(tmp_path: Path) -> None:
    corpus = read_corpus("iemocap", make_official("iemocap", tmp_path, n=160, video=False))
    for fold in range(5):
        parts = corpus.split("script_independent", fold=fold)
        tested = corpus.table[(parts == "test") & ~corpus.table["improvised"].astype(bool)]
        assert len(tested), fold
        train = corpus.table[parts == "train"]
        assert not set(train["scenario"].str[:8]) & set(tested["scenario"].str[:8])


def test_the_papers_configuration_is_the_model_that_the_study_trains() -> None:
    """`configs/manifold_paper.yaml` and the variant `letter` on IEMOCAP are the same settings."""
    fields = yaml.safe_load((Path(__file__).parents[2] / "configs" / "manifold_paper.yaml").read_text())
    plain = {"kind": "manifold", "modalities": {"text": 768, "audio": 768, "video": 768}}
    theirs = ManifoldConfig(**{**plain, **fields["model"]})
    plan = training_of("iemocap", Budget())
    ours = ManifoldConfig(**{**plain, **nested({**plan.model, **LETTER})})
    assert theirs == ours
    assert fields["fit"] == {**FIT, "epochs": plan.epochs}
    assert fields["data"]["corpora"]["iemocap"]["split"] == plan.splits["iemocap"]


def test_the_papers_claims_are_judged_on_the_papers_model() -> None:
    own = {
        "experiment": "iemocap",
        "task": "matrix",
        "metric": "own_above_others",
        "latent": "valence",
        "protocol": "made up",
    }
    results = Results([
        Result(model=HEADLINE, value=0.2, low=0.1, high=0.3, n=50, **own),
        Result(model=PAPER_MODEL, value=-0.2, low=-0.3, high=-0.1, n=50, **own),
        Result(model=HEADLINE, versus=PAPER_MODEL, value=0.0, n=50, **{**own, "task": "axes"}),
    ])  # fmt: skip
    judged = as_headline(results, PAPER_MODEL)
    assert [(row.model, row.versus, row.value) for row in judged] == [(HEADLINE, "", -0.2)]
    assert [claim.verdict for claim in decide(PAPER_CLAIMS[:1], results)] == ["held"]
    assert [claim.verdict for claim in decide(PAPER_CLAIMS[:1], judged)] == ["not held"]
    assert not as_headline(results, "mvae")
