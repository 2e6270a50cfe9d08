"""The predictor: it opens a run and predicts sentences, sounds, pictures, clips, or any subset of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affectspace.errors import ConfigError, DataError, UnreadableItem
from affectspace.prediction.licences import licences_of, strictest
from affectspace.prediction.opening import reader_of_model, reader_of_run
from affectspace.prediction.readers import CombinedReader, Reader, TrainingCorpus
from affectspace.prediction.result import Failure, Outcome, Prediction, note_beyond
from affectspace.prediction.sample import Sample, sample_of_file
from affectspace.prediction.trajectory import Trajectory, Window, is_long, windows_of
from affectspace.progress import Progress, silent

if TYPE_CHECKING:
    from affectspace.affect import Scale
    from affectspace.prediction.pretrained import ShippedModel

TOGETHER = 128  # samples, or windows, that are read and predicted at a time
TEXTS_TOGETHER = 512  # of texts alone, which need little memory; more texts make batches of more similar lengths


class Predictor:
    """Predicts valence, arousal and dominance with a model that ships, or with a finished run.

    Examples
    --------
    >>> predictor = Predictor.pretrained()                  # doctest: +SKIP
    >>> prediction = predictor.predict("What a great day!")  # doctest: +SKIP
    >>> prediction.valence, prediction.deviation.valence    # doctest: +SKIP
    (0.62, 0.21)
    """

    def __init__(
        self, reader: Reader, name: str, licences: Mapping[str, str] | None = None, notices: list[str] | None = None
    ) -> None:
        self._reader, self.name = reader, name
        self.licences, self.notices = dict(licences or {}), [] if notices is None else notices
        self.settings = ""  # what else changes its predictions, beside the model of this name

    @classmethod
    def pretrained(cls, name: str = "any", *, device: str = "auto", progress: Progress = silent) -> Predictor:
        """Open a model that ships with the package.

        Parameters
        ----------
        name : str
            "text", "text-large", "voice", "face", or "any": the text, voice and face model together. `shipped_models` lists
            them.
        device : str
            Device to compute on. "auto" takes a GPU if there is one; texts alone are computed on the CPU.
        progress : callable
            Reports what is computed at first use.

        Raises
        ------
        ConfigError
            If there is no such model, or the device is not available.

        Examples
        --------
        >>> Predictor.pretrained("voice").predict(audio="voice.wav").arousal  # doctest: +SKIP
        """
        from affectspace.prediction.pretrained import combined_reader, shipped_model

        def open_reader(model: ShippedModel) -> Reader:
            return reader_of_model(model, device, progress)

        notices: list[str] = []
        if name == "any":
            return cls(combined_reader(open_reader, notices), name, notices=notices)
        model = shipped_model(name)
        if model.walks:
            raise ConfigError(
                f"the model {name} moves drawn faces (`affectspace traverse FACE.png`) and predicts nothing; the model face "
                "reads faces"
            )
        return cls(open_reader(model), name, {name: model.licence}, [model.notice] if model.notice else [])

    @classmethod
    def of_run(
        cls,
        run: str | Path,
        *,
        device: str = "auto",
        backbones: Mapping[str, str | Path] | None = None,
        crop: bool | None = None,
        progress: Progress = silent,
    ) -> Predictor:
        """Open a finished run, on features or on faces (LeVAsa).

        Parameters
        ----------
        run : path
            Folder of the run.
        device : str
            Device to compute on. "auto" takes a GPU if there is one; texts alone are computed on the CPU.
        backbones : mapping of str to path, optional
            Modality -> location of its backbone's weights, if they have moved: a folder, a hub name, or a LeVAsa run.
        crop : bool, optional
            Crop pictures to the face, for a LeVAsa run. By default a picture that is a face already is not cropped.
        progress : callable
            Reports what is computed at first use, such as the read-out of a run on faces.

        Raises
        ------
        RunError
            If the folder is not a finished run, or its model does not predict valence and arousal.
        ConfigError
            If the device is not available.

        Examples
        --------
        >>> Predictor.of_run("runs/mine", backbones={"text": "models/minilm"})  # doctest: +SKIP
        """
        from affectspace.training.runs import open_run

        opened = open_run(Path(run))
        reader = reader_of_run(opened, backbones or {}, device, crop, progress)
        return cls(reader, str(run), licences_of(opened.facts))

    @classmethod
    def of_classifier(
        cls,
        name: str | Path,
        *,
        labels: Mapping[str, str | None] | str | Path | None = None,
        axes: Sequence[str] | None = None,
        scale: str | Scale | None = None,
        calibrate: str | Path | None = None,
        calibrate_scale: str | Scale | None = None,
        crop: bool = True,
        device: str = "auto",
    ) -> Predictor:
        """Open a classifier of emotions, or a model of ratings, of transformers: for texts, sounds, or pictures of faces.

        The probabilities of emotions weight the Gaussians of a published reference (annotation transfer): AffectNet's for
        faces, where it has all emotions of the classifier, else Russell & Mehrabian's terms with a deviation of 0.3.

        Parameters
        ----------
        name : str or path
            Folder or hub name of a model with a classification head.
        labels : mapping or path, optional
            Label -> emotion (None: no emotion), or a YAML file of it, for labels that are not understood.
        axes : sequence of str, optional
            The axis of each output, for a model that puts out ratings.
        scale : str or Scale, optional
            Range of these ratings: a name, such as "unit" for 0 to 1, or a Scale, whose axes are then the default of `axes`.
        calibrate : path, optional
            Table of a few rated rows: a column text, audio, video or image, and valence, arousal or dominance.
        calibrate_scale : str or Scale, optional
            Scale of these rows, such as "1:7"; default [-1, 1].
        crop : bool
            Search the face in pictures. Otherwise pictures are faces already.
        device : str
            Device to compute on.

        Raises
        ------
        ConfigError
            If the model cannot be loaded or has no trained head, or its labels are not understood.
        DataError
            If the rated rows cannot be used.

        Examples
        --------
        >>> predictor = Predictor.of_classifier("some/emotion-classifier", labels={"love": "happiness"})  # doctest: +SKIP
        >>> predictor.predict("I miss you.").valence                                                      # doctest: +SKIP
        """
        from affectspace.prediction.classifiers import classifier_reader

        reader = classifier_reader(
            str(name), labels=labels, axes=axes, ratings=scale, calibrate=calibrate, calibrate_scale=calibrate_scale,
            device=device, crop=crop,
        )  # fmt: skip
        predictor = cls(reader, str(name), {"classifier": reader.network.licence})
        if calibrate is not None and calibrate_scale is None:
            predictor.notices.append(
                f"the ratings of {calibrate} are read on the scale -1:1 (--calibrate-scale sets another)"
            )
        predictor.settings = f"{reader.bridge.settings}, crop {crop}"
        return predictor

    @property
    def modalities(self) -> tuple[str, ...]:
        """Names of the run's modalities."""
        return self._reader.modalities

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of input that it reads, of text, audio, video and image."""
        return self._reader.kinds

    @property
    def axes(self) -> tuple[str, ...]:
        """The axes that it predicts, from some inputs at least."""
        return self._reader.axes

    @property
    def label_kinds(self) -> tuple[str, ...]:
        """Kinds of the training labels: "rated", or "transferred" from emotions, which are proxies."""
        return self._reader.label_kinds

    @property
    def trained_on(self) -> tuple[TrainingCorpus, ...]:
        """The corpora that the models were trained on, with their rows and kinds of labels."""
        return self._reader.trained_on

    def forget_use(self) -> None:
        """Forget which of several models were used: `notices`, `label_kinds` and `trained_on` tell of the next samples."""
        if isinstance(self._reader, CombinedReader):
            self._reader.forget_use()

    @property
    def licence(self) -> str:
        """The strictest of `licences`, which every prediction carries."""
        return strictest(self.licences.values())

    @property
    def columns(self) -> Mapping[str, Sequence[str] | None]:
        """Modality -> names of the dimensions of its vectors, None without names."""
        return self._reader.columns

    @property
    def pools(self) -> Mapping[str, Any]:
        """Modality -> how its ready-made sequences were pooled to vectors, see `affectspace.features.read_vectors`."""
        return getattr(self._reader, "pools", {})

    def predict(
        self,
        text: str | None = None,
        *,
        audio: str | Path | None = None,
        video: str | Path | None = None,
        image: str | Path | None = None,
        vectors: Mapping[str, Any] | None = None,
        start: float | None = None,
        end: float | None = None,
    ) -> Prediction:
        """Predict one sample from any of its inputs.

        A long text (over 2,000 characters) or recording (over 60 s) is predicted in windows and averaged.

        Parameters
        ----------
        text : str, optional
        audio, video, image : path, optional
            Files.
        vectors : mapping of str to array, optional
            Modality -> (width,) ready-made numbers.
        start, end : float, optional
            Cut of audio and video in seconds.

        Raises
        ------
        DataError
            If there is no input, an input that the run does not read, or a file that cannot be read.

        Examples
        --------
        >>> predictor.predict("I told you so.", audio="voice.wav").emotion  # doctest: +SKIP
        'anger'
        """
        [outcome] = self.predict_many([_sample(text, audio, video, image, vectors, start, end)])
        if isinstance(outcome, Failure):
            raise DataError(outcome.reason)
        return outcome

    def predict_faces(self, image: str | Path) -> list[Prediction]:
        """Predict every face of a picture or clip, the largest first; without a face, the complete picture.

        Parameters
        ----------
        image : path
            The picture or clip. For predictions over time, `follow` each of `samples_of_faces`.

        Raises
        ------
        DataError
            If the file cannot be read, or the model reads no single faces.

        Examples
        --------
        >>> [face.valence for face in Predictor.pretrained("face").predict_faces("group.jpg")]  # doctest: +SKIP
        """
        from affectspace.prediction.photos import samples_of_faces

        outcomes = self.predict_many(samples_of_faces(sample_of_file(Path(image))))
        for failure in (outcome for outcome in outcomes if isinstance(outcome, Failure)):
            raise DataError(failure.reason)
        return [outcome for outcome in outcomes if isinstance(outcome, Prediction)]

    def predict_many(self, samples: Iterable[Sample | Failure], *, progress: Progress = silent) -> list[Outcome]:
        """Predict many samples; memory does not grow with the size of their files.

        Parameters
        ----------
        samples : iterable of Sample
            A Failure in place of a sample is returned as it is.
        progress : callable

        Returns
        -------
        list of Prediction or Failure
            One for each sample, in order.

        Examples
        --------
        >>> predictor.predict_many([Sample("Good morning."), Sample(audio="voice.wav")])  # doctest: +SKIP
        """
        outcomes: list[Outcome] = []
        total = len(samples) if isinstance(samples, Sequence) else 0
        remaining = iter(samples)
        while part := _next_part(remaining):
            outcomes.extend(self._predict_part(part))
            progress(len(outcomes), max(total, len(outcomes)), "predicting")
        return outcomes

    def over_time(
        self,
        text: str | None = None,
        *,
        audio: str | Path | None = None,
        video: str | Path | None = None,
        image: str | Path | None = None,
        vectors: Mapping[str, Any] | None = None,
        start: float | None = None,
        end: float | None = None,
        window: float | None = None,
        step: float | None = None,
        progress: Progress = silent,
    ) -> Trajectory:
        """Predict a long sound, clip or text in windows; only the files of a few windows are in memory at a time.

        Parameters
        ----------
        text, audio, video, image, vectors, start, end
            As in `predict`. Inputs beside a sound or clip, such as a text, are part of every window.
        window, step : float, optional
            Seconds, 4 and 2 by default; for a text alone sentences, 3 and 1 by default.
        progress : callable

        Raises
        ------
        DataError, ConfigError
            If the input cannot be split or read, or window and step are impossible.

        Examples
        --------
        >>> predictor.over_time(audio="lecture.mp3", window=4, step=2).table  # doctest: +SKIP
        """
        sample = _sample(text, audio, video, image, vectors, start, end)
        return self.follow(sample, window=window, step=step, progress=progress)

    def follow(
        self,
        sample: Sample,
        *,
        window: float | None = None,
        step: float | None = None,
        name: str | None = None,
        progress: Progress = silent,
    ) -> Trajectory:
        """Predict a Sample in windows, as `over_time`; name : of the input in messages."""
        reason = self.refusal(sample)
        if reason:
            raise DataError(reason)
        name = name or next(
            (str(path) for path in (sample.audio, sample.video) if isinstance(path, Path)), sample.kinds[0]
        )
        try:
            unit, total, remaining = windows_of(sample, window, step)
        except UnreadableItem as error:
            raise DataError(f"{name}: {error}") from error
        windows: list[Window] = []
        outcomes: list[Outcome] = []
        while part := list(islice(remaining, TOGETHER)):
            windows += part
            outcomes += self._read([piece.sample for piece in part])
            progress(len(windows), max(total, len(windows)), f"windows of {name}")
        if not windows:
            raise DataError(f"{name}: the text is empty")
        kept = [replace(piece, sample=Sample(piece.sample.text if unit == "sentence" else None)) for piece in windows]
        return Trajectory(name, unit, kept, outcomes, self.modalities)

    def refusal(self, sample: Sample) -> str | None:
        """Return why the run cannot predict a sample of this kind; None if it can."""
        reader = self._reader
        if not sample.kinds:
            return "no input is given; give a text, files, or ready-made vectors"
        unknown = [kind for kind in sample.kinds if kind != "vectors" and kind not in reader.kinds]
        if unknown:
            return f"{self.name} has no modality that reads {unknown[0]}; {self.reads()}"
        unknown = [name for name in sample.vectors if name not in reader.vectors]
        if unknown:
            return f"{self.name} accepts no vectors of {unknown[0]!r}; {self.reads()}"
        if (sample.box is not None or sample.track) and not reader.reads_boxes:
            return f"{self.name} reads the largest face only; for each face use the model face, a classifier or a LeVAsa run"
        if sample.text is not None and not sample.text.strip():
            return "the text is empty"
        if sample.start is not None and sample.end is not None and sample.end <= sample.start:
            return f"the cut ends ({sample.end:g} s) before it starts ({sample.start:g} s)"
        return None

    def reads(self) -> str:
        """Describe the inputs that the run reads, for messages."""
        vectors = f"ready-made vectors of {', '.join(self._reader.vectors)}" if self._reader.vectors else ""
        return "it reads " + ", and ".join(part for part in (", ".join(self.kinds), vectors) if part)

    def _predict_part(self, samples: Sequence[Sample | Failure]) -> Iterator[Outcome]:
        """Predict some samples: long ones in windows, the others together."""
        outcomes: dict[int, Outcome] = {}
        together: dict[int, Sample] = {}
        for row, sample in enumerate(samples):
            reason = sample.reason if isinstance(sample, Failure) else self.refusal(sample)
            if isinstance(sample, Failure) or reason:
                outcomes[row] = Failure(str(reason))
            elif is_long(sample):
                try:
                    outcomes[row] = self.follow(sample).whole
                except DataError as error:
                    outcomes[row] = Failure(str(error))
            else:
                together[row] = sample
        if together:
            outcomes |= dict(zip(together, self._read(list(together.values())), strict=True))
        return (outcomes[row] for row in range(len(samples)))

    def _read(self, samples: Sequence[Sample]) -> Iterator[Outcome]:
        """Predict samples, with the licence of the models, and a note on values beyond the scale."""
        licence = self.licence
        for outcome in self._reader.read(samples):
            if isinstance(outcome, Prediction):
                outcome = note_beyond(replace(outcome, licence=outcome.licence or licence))
            yield outcome


def _next_part(samples: Iterator[Sample | Failure]) -> list[Sample | Failure]:
    """Take the samples that are predicted together."""
    part: list[Sample | Failure] = []
    limit = TEXTS_TOGETHER
    for sample in samples:
        part.append(sample)
        if isinstance(sample, Sample) and sample.kinds != ("text",):
            limit = TOGETHER
        if len(part) >= limit:
            break
    return part


def _sample(text: Any, audio: Any, video: Any, image: Any, vectors: Any, start: Any, end: Any) -> Sample:
    return Sample(text, audio, video, image, vectors or {}, start, end)
