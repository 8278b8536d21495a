"""Files that are whole or not there."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from pathlib import Path

from tightfit.errors import SpecError


def write_atomically(path: Path, *parts: bytes | memoryview, private: bool = False) -> None:
    """Write ``parts``, one behind the other; ``path`` holds the old or the new ones at any moment.

    The bytes go to a temporary file of the same folder, reach the disk, and then take the name.

    Args:
        path: Of the file.
        parts: Its bytes.
        private: Whether its owner alone may read it.

    Raises:
        SpecError: The folder cannot be written, or its disk is full.
    """
    temporary: str | None = None
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as stream:
            stream.writelines(parts)
            stream.flush()
            os.fsync(stream.fileno())
        # mkstemp makes files that only their owner reads; an artifact is as open as any other file.
        if not private:
            Path(temporary).chmod(0o666 & ~_umask())
        Path(temporary).replace(path)
    except OSError as error:
        _discard(temporary)
        reason = error.strerror or str(error)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            reason += "; make room on the disk of that folder and try again"
        raise SpecError(
            f"{sum(map(len, parts)):,} bytes for {path.name!r} could not be written to the folder "
            f"{str(path.parent)!r}: {reason}"
        ) from error
    except BaseException:
        _discard(temporary)
        raise


def _discard(temporary: str | None) -> None:
    if temporary is not None:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
