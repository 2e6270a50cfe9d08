"""`affectspace reproduce`: the tables and figures of a paper, beside its published figures."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from affectspace.cli.options import (
    Columns,
    Media,
    OutFolder,
    Overrides,
    Quick,
    ScaleName,
    Trainings,
    Where,
    existing_run,
    parse_backbones,
    parse_pairs,
)
from affectspace.cli.progress import progress_bar
from affectspace.errors import ConfigError
from affectspace.files import locked_output

if TYPE_CHECKING:
    from affectspace.data.configuration import CorpusConfig
    from affectspace.progress import Progress
    from affectspace.studies.manifold.corpora import Folders

app = typer.Typer(no_args_is_help=True, help="Reproduce the tables and figures of a paper.")

Seeds = Annotated[
    int | None, typer.Option(min=1, help="Number of seeds of the main models and the baselines. Default: of the study.")
]
AblationSeeds = Annotated[int | None, typer.Option(min=0, help="Number of seeds of the ablations. 0 leaves them out.")]
DataFolder = Annotated[
    Path | None, typer.Option(help="Folder that holds emobank, meld, semeval_vreg, ravdess, emodb and lexicons.")
]
Lexicon = Annotated[
    Path | None, typer.Option(help="Lexicon of the lexicon anchor, for example NRC-VAD. Default: Glasgow in --data.")
]
Features = Annotated[
    Path | None,
    typer.Option(help="Folder of feature stores (emobank-text, ...) to use and to add to. Default: OUT/features."),
]
Only = Annotated[
    str,
    typer.Option(help="Experiments to run, with commas, for example text_axes,zero_shot_text. Default: all possible."),
]
IemocapSplit = Annotated[
    Literal["session5", "loso", "loso_improvised", "script_independent"],
    typer.Option(
        help="Split of IEMOCAP. session5 tests the last session. The others test every session in turn: all dialogues, the "
        "improvised ones only, or with no script of the test in training."
    ),
]
StudyBackbones = Annotated[
    list[str] | None,
    typer.Option(
        "--backbone",
        help="Backbone that makes the vectors of all corpora, as MODALITY=NAME, for example text=roberta-base: a built-in "
        "name, a folder or a hub name. Can be repeated. Default: minilm, functionals, and no video.",
    ),
]
BackboneSettings = Annotated[
    list[str] | None,
    typer.Option(
        "--backbone-set",
        help="Setting of a backbone, as MODALITY.KEY=VALUE, for example video.crop=false. Can be repeated.",
    ),
]
PaperTable = Annotated[
    int | None,
    typer.Option(
        min=1, max=5, help="Run only the experiments of this table. Table 5 is steering, and needs a folder of its own."
    ),
]

EncoderRun = Annotated[
    Path | None,
    typer.Option("--run", help="For table 5: finished run whose encoder is used. Default: one is trained on EmoBank."),
]
Writer = Annotated[
    str | None,
    typer.Option("--language-model", help="For table 5: folder or hub name of a language model. Default: SmolLM2."),
]
Mode = Annotated[
    str | None,
    typer.Option(
        help="For table 5: rewriting (the prompt has the sentence with blanks; default), or reconstruction from the latents "
        "alone, with valence from -1 to 1, as in the paper."
    ),
]
Private = Annotated[
    str | None,
    typer.Option(help="For table 5: on or off, whether the private latent steers too. Default: on in reconstruction."),
]


def _corpus_folder(corpus: str) -> Any:
    return typer.Option(help=f"Folder of {corpus}.")


@app.command()
def manifold(
    out: OutFolder,
    data: DataFolder = None,
    emobank: Annotated[Path | None, _corpus_folder("EmoBank")] = None,
    meld: Annotated[Path | None, _corpus_folder("MELD")] = None,
    vreg: Annotated[Path | None, _corpus_folder("SemEval-2018 V-reg")] = None,
    ravdess: Annotated[Path | None, _corpus_folder("RAVDESS, with action_units.npz if available")] = None,
    emodb: Annotated[Path | None, _corpus_folder("Berlin EmoDB")] = None,
    people: Annotated[Path | None, _corpus_folder("synthetic speakers; by default they are made")] = None,
    iemocap: Annotated[Path | None, _corpus_folder("IEMOCAP")] = None,
    mosi: Annotated[Path | None, _corpus_folder("CMU-MOSI")] = None,
    mosei: Annotated[Path | None, _corpus_folder("CMU-MOSEI")] = None,
    lexicon: Lexicon = None,
    features: Features = None,
    backbone: StudyBackbones = None,
    backbone_settings: BackboneSettings = None,
    split: IemocapSplit = "session5",
    only: Only = "",
    table: PaperTable = None,
    run: EncoderRun = None,
    language_model: Writer = None,
    mode: Mode = None,
    private: Private = None,
    seeds: Seeds = None,
    ablation_seeds: AblationSeeds = None,
    workers: Trainings = 2,
    overrides: Overrides = None,
    quick: Quick = False,
) -> None:
    """Reproduce "Anchoring the Affective Manifold". Writes metrics.json and report.html.

    It trains the paper's equations to the letter, our default, baselines and ablations, on the paper's corpora (--iemocap,
    --mosi, --mosei) or on open data, and tests the claims. Without a corpus it uses synthetic people.
    """
    from affectspace.studies.manifold.corpora import Folders

    named = {
        "emobank": emobank, "meld": meld, "vreg": vreg, "ravdess": ravdess, "emodb": emodb, "people": people,
        "iemocap": iemocap, "mosi": mosi, "mosei": mosei,
    }  # fmt: skip
    for given in (data, *named.values()):  # a folder of --features may be new
        if given is not None and not given.is_dir():
            raise ConfigError(f"{given}: there is no such folder")
    if lexicon is not None and not lexicon.is_file():
        raise ConfigError(f"{lexicon}: there is no such file")
    corpora = {name: folder for name, folder in named.items() if folder is not None}
    folders = Folders(
        data=data, corpora=corpora, features=features or out / "features", out=out, lexicon=lexicon,
        backbones=parse_backbones(backbone), backbone_settings=parse_backbone_settings(backbone_settings),
    )  # fmt: skip
    steering = {"--run": run, "--language-model": language_model, "--mode": mode, "--private": private}
    wanted = {option: value for option, value in steering.items() if value is not None}
    if wanted and table != 5:
        raise ConfigError(f"{next(iter(wanted))} is for the steering of --table 5; add --table 5, or leave it out")
    if table == 5:
        unused = {"--only": only, "--seeds": seeds, "--ablation-seeds": ablation_seeds, "--set": overrides}
        report = _reproduce_table_5(out, folders, wanted, unused, workers, quick)
    else:
        settings = {**_study_settings(workers, overrides, seeds=seeds), "split": split}
        if ablation_seeds is not None:
            settings["ablation_seeds"] = ablation_seeds
        report = _reproduce_manifold(out, folders, settings, only, table, quick)
    typer.echo(f"report: {report}")


def _reproduce_manifold(
    out: Path, folders: "Folders", settings: dict[str, Any], only: str, table: int | None, quick: bool
) -> Path:
    from affectspace.studies.manifold.plan import Budget, quick_budget
    from affectspace.studies.manifold.reproduce import reproduce

    budget = quick_budget(**settings) if quick else Budget(**settings)
    experiments = [name for name in only.split(",") if name]
    with locked_output(out), progress_bar() as progress:
        return reproduce(out, folders, only=experiments, table=table, budget=budget, progress=progress, tell=typer.echo)


def parse_backbone_settings(texts: list[str] | None) -> dict[str, dict[str, Any]]:
    """Parse MODALITY.KEY=VALUE with values as in YAML. Raises ConfigError for another form."""
    from affectspace.configuration import parse_yaml

    settings: dict[str, dict[str, Any]] = {}
    for name, value in parse_pairs(texts or [], "--backbone-set", "MODALITY.KEY=VALUE", "video.crop=false").items():
        modality, _, key = name.partition(".")
        if not key:
            raise ConfigError(f"--backbone-set {name}={value}: write MODALITY.KEY=VALUE, for example video.crop=false")
        try:
            settings.setdefault(modality, {})[key] = parse_yaml(value)
        except ValueError as error:
            raise ConfigError(f"--backbone-set {name}={value}: {value!r} is not YAML ({error})") from error
    return settings


def _reproduce_table_5(
    out: Path, folders: "Folders", wanted: dict[str, Any], unused: dict[str, Any], workers: int, quick: bool
) -> Path:
    """Reproduce table 5; refuse the options that have no effect there."""
    from affectspace.studies.steering.study import Setting, reproduce_steering

    refused = [option for option, value in unused.items() if value not in (None, "", [])]
    if refused:
        raise ConfigError(
            f"{refused[0]} has no effect with --table 5, which trains one projector; use `affectspace train "
            "configs/steering.yaml` to change its settings"
        )
    private = wanted.get("--private")
    if private not in (None, "on", "off"):
        raise ConfigError(f"--private {private}: choose on or off")
    setting = Setting(
        None if "--run" not in wanted else existing_run(wanted["--run"]),
        wanted.get("--language-model"),
        wanted.get("--mode", "rewriting"),
        None if private is None else private == "on",
    )
    with locked_output(out), progress_bar() as progress:
        return reproduce_steering(out, folders, setting=setting, quick=quick, threads=workers, progress=progress)


@app.command()
def levasa(
    out: OutFolder,
    imfdb: Annotated[Path | None, _corpus_folder("IMFDB, the paper's corpus with emotions")] = None,
    afew_va: Annotated[
        Path | None, _corpus_folder("AFEW-VA, the paper's corpus with levels of valence and arousal")
    ] = None,
    corpus: Annotated[
        str,
        typer.Option(help="Name of another corpus reader, see `affectspace corpus list`; faces draws a corpus."),
    ] = "faces",
    path: Annotated[Path | None, typer.Option(help="Folder or table of --corpus.")] = None,
    media: Media = None,
    columns: Columns = "",
    where: Where = None,
    scale: ScaleName = None,
    level_labels: Annotated[
        Path | None,
        typer.Option(help="JSON file of AFEW-VA labels. Faces are drawn with these levels in place of --afew-va."),
    ] = None,
    fold: Annotated[
        int | None, typer.Option(help="Test on this fifth of the people, 0 to 4, instead of the fixed test people.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Number of epochs of our models.")] = None,
    paper_epochs: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Number of epochs of the models to the paper's letter; the authors had up to 100. 0: not trained.",
        ),
    ] = None,
    seeds: Seeds = None,
    curve: Annotated[
        str, typer.Option(help="Additional alignment weights of the rate-distortion curve, with commas.")
    ] = "0.03,0.1,1",
    ablations: Annotated[
        bool,
        typer.Option(
            "--ablations",
            help="Also train the residual network: without each of its losses, with permuted ellipses, and with five "
            "weights of the KL.",
        ),
    ] = False,
    workers: Trainings = 2,
    overrides: Overrides = None,
    quick: Quick = False,
) -> None:
    """Reproduce "LeVAsa" on one or two corpora of faces. Writes metrics.json and report.html.

    With --imfdb and --afew-va it trains the paper's five models, to the letter and as our defaults, with controls and a
    ceiling. It fills tables 1 to 3, draws figures 2 to 4 and tests the claims. --where chooses rows of the first corpus.
    """
    from affectspace.studies.levasa.plan import Budget, quick_budget
    from affectspace.studies.levasa.reproduce import reproduce

    settings = _study_settings(workers, overrides, seeds=seeds)
    if not quick:
        settings["curve_weights"] = parse_weights(curve)
    given = {"epochs": epochs, "paper_epochs": paper_epochs, "ablations": ablations}
    settings |= {name: value for name, value in given.items() if value is not None}
    budget = quick_budget(**settings) if quick else Budget(**settings)
    own: dict[str, Any] = {"media": media, "columns": columns, "scale": scale}
    named = [("imfdb", imfdb, {}), (corpus, path, own), ("afew_va", afew_va, {})]
    chosen = [(name, folder, options) for name, folder, options in named if folder is not None]
    if path is None and (corpus != "faces" or any(own.values())):
        raise ConfigError(f"--corpus {corpus} needs --path, the folder or table of the corpus")
    if len(chosen) > 2:
        raise ConfigError(
            "--imfdb, --afew-va and --path are three corpora; name two, one with emotions and one without"
        )
    with locked_output(out), progress_bar() as progress:
        if not chosen:
            chosen = [("faces", _draw_faces(out, 600 if quick else 6000, progress), {})]
        limit = 3000 if quick else None
        configs = [_image_corpus(*corpus, fold=fold, limit=limit) for corpus in chosen]
        configs[0] = configs[0].model_copy(update={"where": where})
        report = reproduce(out, *configs, level_labels=level_labels, budget=budget, progress=progress)
    typer.echo(f"report: {report}")


def _image_corpus(
    name: str, path: Path, options: dict[str, Any], fold: int | None, limit: int | None
) -> "CorpusConfig":
    from affectspace.corpora import parse_columns
    from affectspace.data.configuration import CorpusConfig, SplitConfig

    columns = parse_columns(options["columns"]) if options.get("columns") else {}
    split = SplitConfig(fold=fold)
    return CorpusConfig(corpus=name, path=path, limit=limit, split=split, **{**options, "columns": columns})


def _study_settings(workers: int, overrides: list[str] | None, seeds: int | None) -> dict[str, Any]:
    """Return the settings that all studies share; those that are not set keep the defaults of the study."""
    settings: dict[str, Any] = {"workers": workers, "overrides": tuple(overrides or ())}
    return settings if seeds is None else {**settings, "seeds": tuple(range(seeds))}


def parse_weights(text: str) -> tuple[float, ...]:
    """Parse numbers with commas between them, none from an empty text. Raises ConfigError."""
    try:
        return tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise ConfigError(f"--curve {text!r}: write numbers with commas between them, for example 0.2,1") from None


def _draw_faces(out: Path, number: int, progress: "Progress") -> Path:
    """Draw faces beside the study; existing ones are kept."""
    from affectspace.synthetic.faces import make_faces

    folder = out.with_name(out.name + "-faces")
    make_faces(folder, n=number, people=60, progress=progress)
    return folder
