"""Compiled programs are kept where the platform keeps such things, and stay sound."""

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import skloss
from skloss._tensorflow import _program_cache
from skloss._tensorflow._program_cache import find_default_folder, name_place

# Fields 1, 2 and 3 with their lengths; 300 is written AC 02 in the documentation of
# protocol buffers.
WHOLE = b"\x0a\x01k" + b"\x12\x01h" + b"\x1a\xac\x02" + bytes(300)


@pytest.fixture
def unloaded(monkeypatch):
    """Nothing has loaded TensorFlow, and its variable has a flag of the user's."""
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    monkeypatch.setenv("TF_XLA_FLAGS", "--tf_xla_clustering_debug")
    monkeypatch.setattr(_program_cache.metadata, "version", lambda name: "2.21.0")


@pytest.fixture
def keep(tmp_path, unloaded):
    """Return a function that writes an entry of some age in skloss' folder."""
    place = tmp_path / name_place("2.21.0", ["--tf_xla_clustering_debug"])
    place.mkdir()

    def keep(name, data=WHOLE, age=0):
        path = place / name
        path.write_bytes(data)
        os.utime(path, (path.stat().st_atime, path.stat().st_mtime - age))
        return path

    return keep


@pytest.mark.parametrize("name", ["plain", "with a space", "it's"])
def test_the_folder_stands_in_the_variable_beside_the_users_flags(
    name, tmp_path, unloaded
):
    place = skloss.cache_programs(tmp_path / name)
    assert place.is_dir()
    assert place.parent == tmp_path / name
    flags = os.environ["TF_XLA_FLAGS"]
    assert flags.startswith("--tf_xla_clustering_debug ")
    assert str(place) in flags
    # the same call again, also after TensorFlow was loaded
    sys.modules["tensorflow"] = None
    assert skloss.cache_programs(tmp_path / name) == place
    assert os.environ["TF_XLA_FLAGS"] == flags
    with pytest.raises(ValueError, match=r"already names .*call .* once"):
        skloss.cache_programs(tmp_path / "other")


def test_devices_that_the_user_named_stay(tmp_path, unloaded, monkeypatch):
    theirs = "--tf_xla_persistent_cache_device_types=XLA_GPU_JIT"
    monkeypatch.setenv("TF_XLA_FLAGS", theirs)
    skloss.cache_programs(tmp_path)
    assert os.environ["TF_XLA_FLAGS"].count("device_types") == 1


def test_after_tensorflow_was_loaded_it_is_refused(tmp_path, unloaded, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(RuntimeError, match=r"loaded already.*before anything"):
        skloss.cache_programs(tmp_path)
    assert not list(tmp_path.iterdir())


def test_versions_that_compute_something_else_are_refused(
    tmp_path, unloaded, monkeypatch
):
    monkeypatch.setattr(_program_cache.metadata, "version", lambda name: "2.20.0rc1")
    with pytest.raises(RuntimeError, match=r"2\.20\.0rc1 does not.*2\.21 or newer"):
        skloss.cache_programs(tmp_path)


def test_wrong_calls_are_refused(tmp_path, unloaded, monkeypatch):
    with pytest.raises(ValueError, match="max_bytes=-1 must be"):
        skloss.cache_programs(tmp_path, max_bytes=-1)
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        skloss.cache_programs(tmp_path / "file")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(PermissionError, match="folder of your own"):
        skloss.cache_programs(tmp_path)
    monkeypatch.setenv("TF_XLA_FLAGS", "flags.txt")
    with pytest.raises(ValueError, match=r"'flags\.txt' names a file"):
        skloss.cache_programs(tmp_path)


def test_another_processor_compiler_or_version_has_another_folder(monkeypatch):
    names = {name_place("2.21.0", []), name_place("2.22.0", [])}
    assert name_place("2.21.0", []) in names
    names.add(name_place("2.21.0", ["--tf_xla_max_cluster_size=2"]))
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_max_isa=AVX2")
    names.add(name_place("2.21.0", []))
    monkeypatch.setattr(_program_cache, "describe_processor", lambda: ["another"])
    names.add(name_place("2.21.0", []))
    monkeypatch.setattr(_program_cache, "__version__", "99.0")
    names.add(name_place("2.21.0", []))
    assert len(names) == 6
    assert any(name.startswith("skloss-99.0-tensorflow-2.21.0-") for name in names)


@pytest.mark.parametrize(
    ("platform", "variable", "without"),
    [
        ("linux", "XDG_CACHE_HOME", ".cache/skloss"),
        ("darwin", None, "Library/Caches/skloss"),
        ("win32", "LOCALAPPDATA", "AppData/Local/skloss"),
    ],
)
def test_the_default_folder_is_the_platforms(
    platform, variable, without, tmp_path, monkeypatch
):
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    if variable:
        monkeypatch.setenv(variable, str(tmp_path / "elsewhere"))
        assert find_default_folder() == tmp_path / "elsewhere" / "skloss"
        monkeypatch.delenv(variable)
    assert find_default_folder() == tmp_path / without


def test_the_oldest_leave_where_there_is_too_much(keep, tmp_path):
    paths = [keep(f"{age}.pb", age=age) for age in (20, 0, 30, 10)]
    older = tmp_path / "skloss-0.0-tensorflow-2.0-0" / "of an older version.pb"
    other = tmp_path / "somebody else's" / "old.pb"
    for path in (older, other):
        path.parent.mkdir()
        path.write_bytes(WHOLE)
        os.utime(path, (0, 0))
    skloss.cache_programs(tmp_path, max_bytes=2 * len(WHOLE))
    assert [path.exists() for path in paths] == [False, True, False, True]
    assert other.exists()
    assert not older.exists()


@pytest.mark.parametrize(
    "damaged",
    {
        "empty": b"",
        "cut": WHOLE[:-1],
        "cut before the last field": WHOLE[:6],
        "cut in a length": WHOLE[:8],
        "zeros": bytes(len(WHOLE)),
        "other": b"not an entry",
    }.items(),
    ids=lambda item: item[0],
)
def test_what_is_not_whole_leaves(damaged, keep, tmp_path):
    path, whole = keep("1.pb", damaged[1]), keep("2.pb")
    skloss.cache_programs(tmp_path)
    assert not path.exists()
    assert whole.exists()


def test_files_left_by_processes_that_ended_leave(keep, tmp_path):
    left, writing = keep("1.pb.tmp", age=7200), keep("2.pb.tmp")
    skloss.cache_programs(tmp_path)
    assert not left.exists()
    assert writing.exists()


COMPILE = """
import sys, skloss
place = skloss.cache_programs(sys.argv[1])
assert "tensorflow" not in sys.modules
from skloss._tensorflow import start_compiler
start_compiler()
print(place)
"""


@pytest.mark.slow
@pytest.mark.skipif(version("tensorflow") < "2.21", reason="refused")
def test_a_second_process_reads_what_the_first_compiled(tmp_path):
    root = str(Path(__file__).parent.parent)
    said = {"TF_CPP_VMODULE": "device_executable_persistor=1", "PYTHONPATH": root}
    said |= {"TF_CPP_MIN_LOG_LEVEL": "0", "TF_XLA_FLAGS": ""}

    def compile_once():
        done = subprocess.run(
            [sys.executable, "-c", COMPILE, tmp_path / "it's here"],
            env=os.environ | said,
            capture_output=True,
            text=True,
            check=True,
        )
        return Path(done.stdout.strip()), done.stderr.count("Loading cached entry")

    place, loaded = compile_once()
    (entry,) = place.iterdir()
    assert loaded == 0
    assert compile_once() == (place, 1)
    assert list(place.iterdir()) == [entry]
