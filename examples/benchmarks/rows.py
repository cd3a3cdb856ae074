"""What a benchmark measured, kept a JSON object a line, so that it can be resumed.

A row has a key, which says what was measured (by default the table, the outer split,
the arm, the seconds and the seed), and whatever was found. It has the commit of the
code too, and a digest of what decides its values: of the files of skloss for an arm
that is ours, of the definition and the versions of the libraries for a peer. A row
whose digest is no longer that of its arm is measured anew; until then a report shows
it and counts it as old. Each row is appended and on the disk before the next one
begins; a line that was cut off by the end of the process is no row.

    rows = Rows(FOLDER / "worth.jsonl", digest_of=lambda arm: digest_package())
    asked = {"table": "diabetes", "split": 0, "arm": "auto", "seconds": 60, "seed": 0}
    if not rows.has(asked):
        rows.add(asked | {"score": 54.1})
"""

import ast
import functools
import hashlib
import json
import os
import subprocess
from importlib import metadata
from pathlib import Path

FOLDER = Path(__file__).with_name("rows")
ROOT = Path(__file__).resolve().parent.parent.parent
KEY = ("table", "split", "arm", "seconds", "seed")


class Rows:
    """The rows of a file: those of earlier calls, and those that are added.

    Parameters
    ----------
    path : Path
        The file, one JSON object a line. It need not exist, nor its folder.
    digest_of : callable
        From the name of an arm to the digest of what decides its rows now.
    key : tuple of str, default=KEY
        What a row replaces an earlier one by.
    """

    def __init__(self, path, digest_of, key=KEY):
        self.path, self.digest_of, self.key = Path(path), digest_of, key
        self._newest = {}
        for row in read_lines(self.path):
            self._keep(row)

    def name(self, row):
        """Return the values of a row's key."""
        return tuple(row[part] for part in self.key)

    def is_current(self, row):
        """Return whether the code that a row is of still decides its arm."""
        return row["digest"] == self.digest_of(row["arm"])

    def find(self, asked):
        """Return the row of a key, an old one if there is none of today's code."""
        return self._newest.get(self.name(asked))

    def has(self, asked):
        """Return whether there is a row of a key by today's code."""
        row = self.find(asked)
        return row is not None and self.is_current(row)

    def add(self, row):
        """Keep a row, here and on the disk; commit and digest are today's if unsaid."""
        row = {"commit": name_commit(), "digest": self.digest_of(row["arm"])} | row
        self._keep(row)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab+") as file:
            cut_unfinished(file)
            file.write(json.dumps(row).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def newest(self):
        """Return one row for each key, in the order in which keys were first seen."""
        return list(self._newest.values())

    def _keep(self, row):
        """Let a row replace the one of its key, unless only that one is of today."""
        before = self.find(row)
        if before is None or self.is_current(row) or not self.is_current(before):
            self._newest[self.name(row)] = row

    def describe(self, rows):
        """Return how many rows there are, of which code, and how many of older code."""
        old = sum(not self.is_current(row) for row in rows)
        commits = ", ".join(sorted({row["commit"] for row in rows}))
        return f"{len(rows)} rows, {old} of them of older code ({commits})."


def read_lines(path):
    """Return all whole lines of a file as rows; none, if there is no file."""
    if not path.exists():
        return []
    lines = path.read_text("utf-8").splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


def cut_unfinished(file):
    """Take off the end of a file what is no whole line."""
    size = file.seek(0, os.SEEK_END)
    start = max(0, size - 2**20)  # no row is as long as that
    file.seek(start)
    tail = file.read()
    file.truncate(start + tail.rfind(b"\n") + 1 if tail else size)


@functools.cache
def name_commit(checkout=ROOT):
    """Return the commit of a checkout, and a digest of changes since, but for rows."""

    def git(*command):
        call = ["git", "-C", str(checkout), *command]
        return subprocess.run(call, capture_output=True, check=True).stdout

    commit = git("rev-parse", "--short=10", "HEAD")
    changes = git("diff", "HEAD", "--", ".", ":!examples/benchmarks/rows")
    digest = hashlib.sha256(changes).hexdigest()[:6]
    return commit.decode().strip() + (f"+{digest}" if changes else "")


def digest_files(paths, *also):
    """Return a digest of what files of Python do, and of what else is given as text."""
    digest = hashlib.sha256()
    for path in sorted(map(Path, paths)):
        digest.update(f"{path.name}\0{read_code(path)}\0".encode())
    for text in also:
        digest.update(f"{text}\0".encode())
    return digest.hexdigest()[:12]


def read_code(path):
    """Return the code of a file without its comments, layout and docstrings."""
    tree = ast.parse(path.read_text("utf-8"))
    owners = ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef
    for node in ast.walk(tree):
        if isinstance(node, owners) and ast.get_docstring(node) is not None:
            node.body[0].value = ast.Constant("")
    return ast.unparse(tree)


@functools.cache
def digest_package():
    """Return a digest of the source of skloss, as it is when first asked for."""
    return digest_files((ROOT / "skloss").rglob("*.py"))


def list_versions(*packages):
    """Return the versions of installed packages, as text that a digest can be of."""
    return [f"{name} {metadata.version(name)}" for name in packages]
