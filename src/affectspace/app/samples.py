"""Uploads as samples: their kind by content, and limits on how long they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from affectspace.app.answers import Refusal
from affectspace.app.settings import MEGABYTE, Limits
from affectspace.app.uploads import Upload
from affectspace.errors import DataError, UnreadableItem
from affectspace.media.container import has_picture
from affectspace.prediction.inputs import NamedSample
from affectspace.prediction.result import Failure
from affectspace.prediction.sample import Sample, kind_of_file, sample_of_file
from affectspace.prediction.trajectory import seconds_of
from affectspace.tables import EXCEL, PARQUET

EXPANDED = 4  # times the largest text file: bytes of a compressed table when it is unpacked


def sample_of_upload(upload: Upload, limits: Limits) -> Sample:
    """Return the sample of an upload. Raises Refusal for another type of file, and for one that is too long."""
    require_small_text(upload, limits)
    if not upload.path.stat().st_size:
        raise Refusal(422, f"{upload.name}: the file is empty (0 bytes)")
    if kind_of_file(upload.path) is None:
        raise Refusal(415, f"{upload.name}: neither a text, a sound, a clip nor a picture in a known format")
    try:
        sample = sample_of_file(upload.path)
        if sample.text is not None and len(sample.text) > limits.characters:
            raise Refusal(
                413, f"{upload.name}: {len(sample.text):,} characters; the most are {limits.characters:,}", "too_long"
            )
        seconds = seconds_of(sample)
        if seconds > limits.seconds:
            raise Refusal(413, f"{upload.name}: {seconds:,.0f} s; send at most {limits.seconds:,.0f} s", "too_long")
        if isinstance(sample.video, Path) and not sample.image and not has_picture(sample.video):
            return replace(sample, video=None, audio=sample.video)  # a browser's recording of a voice
    except UnreadableItem as error:
        raise Refusal(422, f"{upload.name}: {error}") from None
    except DataError as error:
        raise Refusal(422, str(error).replace(str(upload.path), upload.name)) from None
    return sample


def samples_of(texts: Sequence[str], uploads: Sequence[Upload], limits: Limits) -> list[NamedSample]:
    """Return a named sample for each input; of several, one that is refused is a failure, and the others go on."""
    from affectspace.prediction.inputs import sample_of

    samples: list[NamedSample] = [sample_of(text) for text in texts]
    for upload in uploads:
        try:
            samples.append((upload.name, sample_of_upload(upload, limits)))
        except Refusal as refusal:
            if len(texts) + len(uploads) == 1:
                raise
            samples.append((upload.name, Failure(refusal.message)))
    return samples


def one_sample(texts: Sequence[str], uploads: Sequence[Upload], limits: Limits) -> NamedSample:
    """Combine a text and files of different kinds into the sample of one person. Raises Refusal for two of a kind."""
    samples = [Sample(text) for text in texts] + [sample_of_upload(upload, limits) for upload in uploads]
    combined = Sample()
    for sample in samples:
        [kind] = sample.kinds
        if combined.has(kind):
            raise Refusal(422, f"one person has one input of kind {kind}, and there are two; leave one out")
        combined = replace(combined, **{kind: getattr(sample, kind)})
    name = uploads[0].name if uploads else texts[0][:60]
    return name if len(samples) == 1 else "all together", combined


def require_small_text(upload: Upload, limits: Limits) -> None:
    """Raise Refusal for a text or table that is larger than the service reads at once."""
    kind = kind_of_file(upload.path)
    if kind not in ("audio", "video", "image") and upload.path.stat().st_size > limits.text_bytes:
        most = limits.text_bytes / MEGABYTE
        raise Refusal(
            413, f"{upload.name}: a text or table has at most {most:g} MB here; use the command line for more"
        )
    expanded = _expanded_bytes(upload.path)
    if expanded > EXPANDED * limits.text_bytes:
        raise Refusal(
            413,
            f"{upload.name}: the table has {expanded / MEGABYTE:,.0f} MB when it is unpacked; use the command line for it",
        )


def _expanded_bytes(path: Path) -> int:
    """Return about how many bytes an Excel or Parquet table has in memory; 0 for others, and where its reader says why not."""
    try:
        if path.suffix.lower() in EXCEL:
            with ZipFile(path) as content:
                return sum(member.file_size for member in content.infolist())
        if path.suffix.lower() in PARQUET:
            from pyarrow.parquet import ParquetFile

            with ParquetFile(path) as table:
                facts = table.metadata
                groups = sum(facts.row_group(number).total_byte_size for number in range(facts.num_row_groups))
                return max(groups, 8 * facts.num_rows * facts.num_columns)
    except (BadZipFile, OSError, ValueError):
        pass
    return 0
