"""Two networks of a search must not write to one file."""

import os

from skloss._callbacks._callback_copies import find_path


class Writers:
    """The paths that callbacks of a search's networks write to, and whose they are."""

    def __init__(self):
        self.owners = {}

    def add(self, cell, params):
        """Note the paths of a cell's callbacks.

        Parameters
        ----------
        cell : Cell
        params : dict
            Of its candidate.

        Raises
        ------
        ValueError
            If another cell writes to one of them, also where it would append.
        """
        if cell.job.watcher is None:
            return
        for callback in cell.job.watcher.callbacks:
            found = find_path(callback)
            if found is None:
                continue
            path, attribute = found
            place = os.path.realpath(path)
            other, theirs = self.owners.setdefault(place, (cell.key, params))
            if other == cell.key:
                continue
            name = type(callback).__name__
            raise ValueError(
                f"callbacks: {name} with {attribute}={path!r} would be written to by "
                f"two networks of this search: {theirs} on fold {other[1]}, and "
                f"{params} on fold {cell.fold}. Give a function that makes a callback "
                f"with a path of its own at each call, callbacks=[make], where make() "
                f"returns {name}(f'{{uuid.uuid4()}}...')."
            )
