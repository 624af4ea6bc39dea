"""Who listens: processes on this machine, or a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from generify.cli.checks import check_extra, check_folder, check_output
from generify.errors import ParameterError

if TYPE_CHECKING:
    from generify.model import GenreModel
    from generify.scan import Scan, ScanSettings

    Opener = Callable[[Sequence[str], str, GenreModel, ScanSettings], AbstractContextManager[Scan]]

__all__ = ["AddressOption", "Engine", "EngineOption", "choose_engine"]


class Engine(StrEnum):
    """Who listens."""

    LOCAL = "local"
    RAY = "ray"


EngineOption = Annotated[
    Engine,
    typer.Option(
        "--engine",
        help="Who listens: this machine, or a Ray cluster, which also reads s3://, gs:// and "
        "https:// and writes folders of partitions (-o FOLDER/).",
    ),
]
AddressOption = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="HOST:PORT",
        help="The Ray cluster, or auto for the one this machine belongs to "
        "[default: one is started on this machine]",
        show_default=False,
    ),
]


def choose_engine(engine: Engine, address: str | None, paths: Sequence[str], output: str) -> Opener:
    """Give what opens a scan; refuse what the engine cannot do."""
    from generify.scan.finding import is_address

    if engine is Engine.RAY:
        check_extra("ray", "ray", "fsspec", "pyarrow")
        from generify.cluster import is_partitioned, open_cluster_scan

        if not is_partitioned(output):
            check_output(Path(output))
        elif not is_address(output):
            check_folder(Path(output))
        return partial(open_cluster_scan, address=address)
    elsewhere = next((path for path in (*paths, output) if is_address(path)), None)
    what = "--address" if address is not None else elsewhere
    if what is not None:
        raise ParameterError(f"{what} needs --engine ray", hint="add --engine ray")
    check_output(Path(output))
    from generify.scan import open_scan

    return open_scan
