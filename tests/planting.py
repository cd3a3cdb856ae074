"""Makes planted faults one by one in a copy of the checkout, and runs tests on each.

Importing TensorFlow takes longer than most of the tests, so it is done once: the tests
of each fault run in a forked child.
"""

import argparse
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import asdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / ".planted_faults.jsonl"
# Without what sees that a fault is planted, since it looks for the text.
EVERYTHING = ("-n", "2", "--dist", "worksteal", "--ignore=tests/test_planted_faults.py")
LOADED = (
    "tensorflow",
    "keras",
    "sklearn.model_selection",
    "pandas",
    "optuna",
    "pytest",
)
FAILED_TO_RUN = 99
FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+::.*?)(?: - (.*))?$", re.MULTILINE)
ROW = "{:>3}  {:<28} {:<44} {:>6}  {}"


def main(faults):
    """Plant the faults that the command line chooses; exit with 1 if one is missed."""
    parser = argparse.ArgumentParser(description="Are planted faults noticed?")
    parser.add_argument("--only", nargs="+", metavar="AREA or number", default=[])
    parser.add_argument("--resume", action="store_true", help="keep earlier rows")
    options = parser.parse_args()
    numbered = [
        (number, fault)
        for number, fault in enumerate(faults, 1)
        if not options.only or {str(number), fault.area} & set(options.only)
    ]
    if not numbered:
        parser.error(f"--only: areas are {', '.join({f.area: 0 for f in faults})}")
    files = checkout_files()
    state = {"commit": git("rev-parse", "HEAD")[0], "digest": digest_of(files)}
    known = known_rows(state) if options.resume else {}
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for file in files:
            (copy / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / file, copy / file)
        for name in LOADED:
            importlib.import_module(name)
        print(ROW.format("", "area", "place", "s", "caught by"), flush=True)
        rows = []
        for number, fault in numbered:
            row = known.get(key_of(fault)) or planted(copy, fault)
            with RESULTS.open("a") as results:
                results.write(json.dumps({**state, **asdict(fault), **row}) + "\n")
            line = text_of(ROOT / "skloss" / fault.file).split(fault.old)[0].count("\n")
            place = f"{fault.file}:{line + 1}"
            caught = row["caught_by"] or "NOT CAUGHT"
            seconds = f"{row['seconds']:.0f}"
            print(ROW.format(number, fault.area, place, seconds, caught), flush=True)
            rows.append(row)
        check_unharmed(copy, [row["caught_by"] for row in rows if row["caught_by"]])
    missed = sum(row["caught_by"] is None for row in rows)
    print(f"{len(rows) - missed} of {len(rows)} caught, at {state['commit'][:12]}")
    sys.exit(missed > 0)


def checkout_files():
    """Return the files of the checkout, those that git does not know yet included."""
    names = git("ls-files", "--cached", "--others", "--exclude-standard")
    return [name for name in names if (ROOT / name).is_file()]


def git(*arguments):
    """Return the lines that git prints."""
    found = subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return found.stdout.splitlines()


def digest_of(files):
    """Return a digest of the code and its tests, without the table of faults."""
    digest = hashlib.sha256()
    for name in sorted(files):
        if name.startswith(("skloss/", "tests/")) and "plant" not in name:
            digest.update(name.encode() + (ROOT / name).read_bytes())
    return digest.hexdigest()


def key_of(fault):
    """Return what a row must share with a fault to be about it."""
    return json.dumps(asdict(fault))


def known_rows(state):
    """Return the rows of earlier runs on the same code, by fault."""
    known = {}
    lines = RESULTS.read_text("utf-8").splitlines() if RESULTS.exists() else []
    for row in map(json.loads, lines):
        about = {name: row[name] for name in ("area", "file", "old", "new", "tests")}
        if row["digest"] == state["digest"]:
            known[json.dumps(about)] = row
    return known


def text_of(path):
    """Return the text of a file."""
    return path.read_text("utf-8")


def check_unharmed(copy, names):
    """Exit unless what catches faults passes where there are none."""
    if names and (found := failing(copy, *dict.fromkeys(names))):
        sys.exit(f"{found[0]} fails without a fault too: {found[1]}")


def planted(copy, fault):
    """Return what catches a fault, why it fails, and the seconds this took."""
    path, begin = copy / "skloss" / fault.file, time.perf_counter()
    text = text_of(path)
    if text.count(fault.old) != 1:
        sys.exit(f"{fault.file} does not hold exactly once: {fault.old}")
    write(path, text.replace(fault.old, fault.new))
    try:
        named = [f"tests/{name}" for name in fault.tests]
        found = failing(copy, "-x", *named) or failing(copy, "-x", *EVERYTHING)
    finally:
        write(path, text)
    name, reason = found or (None, None)
    seconds = round(time.perf_counter() - begin, 1)
    return {"caught_by": name, "reason": reason, "seconds": seconds}


def write(path, text):
    """Write a module, and forget its compiled form, which may seem as new."""
    path.write_text(text, "utf-8")
    Path(importlib.util.cache_from_source(path)).unlink(missing_ok=True)


def failing(copy, *arguments):
    """Return the first test that fails, and its reason; None where all pass."""
    with tempfile.TemporaryFile("w+") as output:
        child = os.fork()
        if child == 0:
            become_pytest(copy, arguments, output.fileno())
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        output.seek(0)
        text = output.read()
    found = FAILED.search(text)
    if found:
        return found.groups()
    if status != 0:
        sys.exit(f"pytest did not run, status {status}:\n{text[-5000:]}")
    return None


def become_pytest(copy, arguments, output):
    """Run tests of the copy in this process, and end it."""
    status = FAILED_TO_RUN
    try:
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.chdir(copy)
        os.environ.update(PYTHONPATH=str(copy), COLUMNS="200")
        sys.path[0] = str(copy)  # in place of this script's folder
        seen = Path(importlib.import_module("skloss").__file__)
        assert seen.resolve().parent == (copy / "skloss").resolve()
        pytest = importlib.import_module("pytest")
        status = int(pytest.main(["-q", "-rfE", *arguments]))
    except BaseException:
        traceback.print_exc()
    finally:  # never back into what the parent is doing
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
