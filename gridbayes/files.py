"""Writing files so that nothing half-written is left behind."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

__all__ = ["atomically"]


@contextmanager
def atomically(path: str | Path) -> Iterator[BinaryIO]:
    """A binary file that becomes `path` when the block ends; if the block fails, `path` stays as it was.

    The bytes go to a file beside it, which then takes its place in one step. Devices and pipes are written
    directly.

    Raises
    ------
    OSError
        Where `path` is a folder, or in a folder that does not exist or cannot be written.
    """
    target = Path(os.path.realpath(path))  # a link stays a link: the file that it names is replaced
    if target.is_dir():
        raise IsADirectoryError(f"{path} is a folder. Name a file in it.")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{path}: there is no folder {target.parent}. Make it first.")
    if target.exists() and not target.is_file():
        with open(target, "wb") as device:
            yield device
        return
    beside = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}.part")
    try:
        with open(beside, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
