"""Settings of the service, and its limits."""

from __future__ import annotations

import ipaddress
from pathlib import Path

from pydantic import Field

from affectspace.configuration import Configuration

MEGABYTE = 1 << 20


class Limits(Configuration):
    """What one request may cost.

    Attributes
    ----------
    upload_bytes, json_bytes, text_bytes : int
        Size of a body with files, of a JSON body, and of a file with a text or table.
    texts, files, rows : int
        Number of texts and files in one request, and of rows of a transcript.
    characters : int
        Length of one text.
    seconds : float
        Length of one sound or clip.
    waiting : int
        Requests that compute or wait. Further ones are refused with status 503.
    timeout, idle : float
        Seconds that a computation may take, and that a client may send nothing.

    Examples
    --------
    >>> Limits(texts=10).texts
    10
    """

    upload_bytes: int = Field(200 * MEGABYTE, ge=1)
    json_bytes: int = Field(4 * MEGABYTE, ge=1)
    text_bytes: int = Field(16 * MEGABYTE, ge=1)
    texts: int = Field(1000, ge=1)
    files: int = Field(16, ge=1)
    rows: int = Field(5000, ge=1)
    characters: int = Field(100_000, ge=1)
    seconds: float = Field(900.0, gt=0)
    waiting: int = Field(64, ge=1)
    timeout: float = Field(300.0, gt=0)
    idle: float = Field(30.0, gt=0)


class Settings(Configuration):
    """Settings of one service.

    Attributes
    ----------
    model : str
        The model that answers where a request names none.
    run : Path, optional
        Folder of a finished run that answers instead.
    runs : Path
        Folder whose runs and studies are shown.
    device : str
        Device to compute on.
    host : str
        Address that the service listens on. With a loopback address, requests for another host are refused.
    hosts : tuple of str
        Further names under which the service is reached, for example behind a proxy.
    key : str, optional
        Secret that every request to /v1/ must send.
    warm : bool
        Load the models at the start.
    folder : Path, optional
        Temporary folder that several workers share. Default: a new one.
    limits : Limits

    Examples
    --------
    >>> Settings(host="127.0.0.1").is_local
    True
    """

    model: str = "any"
    run: Path | None = None
    runs: Path = Path("runs")
    device: str = "auto"
    host: str = "127.0.0.1"
    hosts: tuple[str, ...] = ()
    key: str | None = Field(None, repr=False)
    warm: bool = False
    folder: Path | None = None
    limits: Limits = Limits()

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach the service."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"
