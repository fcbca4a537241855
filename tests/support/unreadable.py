"""A file that looks as ever and yet can't be opened for a while, as without free descriptors."""

import os
from pathlib import Path, PosixPath

from typing_extensions import override


class Unreadable(PosixPath):
    """A path that leads nowhere while `failing`; what `stat` tells stays the same."""

    failing = False

    @override
    def __fspath__(self) -> str:
        return f"{self}.nowhere" if self.failing else str(self)

    @override
    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        return Path(str(self)).stat(follow_symlinks=follow_symlinks)
