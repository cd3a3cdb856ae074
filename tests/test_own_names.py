"""What is traced under a text has the same names whatever was made before."""

import threading
from collections import Counter

import pytest

from skloss._tensorflow import _own_names, keras, tf
from skloss._tensorflow._own_names import name_by

FEW = 10**9  # more than a process makes of anything that is counted


@pytest.fixture
def fresh(monkeypatch):
    """As in another process, in which no text was used; call it for one more."""

    def begin():
        monkeypatch.setattr(_own_names, "_used", Counter())

    begin()
    return begin


def make():
    """Return the names of a layer, a function and a loop's body in it."""

    def count(n):
        return tf.while_loop(lambda i: i < n, lambda i: (i + 1,), (tf.constant(0),))[0]

    layer = keras.layers.Dense(2)
    function = tf.function(count, autograph=False).get_concrete_function(3)
    body = next(op for op in function.graph.get_operations() if "While" in op.type)
    return [layer.name, function.name.decode(), body.get_attr("body").name]


def make_by(text):
    with name_by(text):
        return make()


def test_what_was_made_before_changes_no_name(fresh):
    before = make_by("text")
    assert make()[1:] != make()[1:]  # as everywhere in TensorFlow
    fresh()
    assert make_by("text") == before


def test_where_a_function_lies_in_memory_changes_no_name(fresh):
    before = make_by("<function body at 0x7f747ef15800>")
    fresh()
    assert make_by("<function body at 0x7F741E637EC0>") == before


def test_another_text_and_a_second_use_give_other_names(fresh):
    names = [tuple(make_by(text)[1:]) for text in ("text", "other", "text")]
    assert len(set(names)) == 3


def test_names_within_a_text_differ(fresh):
    with name_by("text"):
        names = [tuple(make()) for _ in range(3)]
    assert len({name[0] for name in names}) == len({name[1] for name in names}) == 3


def test_the_users_own_counters_go_on(fresh):
    def number(layer):
        return int(layer.name.rpartition("_")[2])

    keras.layers.Dense(2)
    first = number(keras.layers.Dense(2))
    with name_by("text"):
        keras.layers.Dense(2)
        with name_by("within"):
            assert keras.layers.Dense(2).name == "dense"
        assert keras.layers.Dense(2).name == "dense_1"
    with pytest.raises(KeyError), name_by("one that fails"):
        raise KeyError
    assert number(keras.layers.Dense(2)) == first + 1
    assert _own_names.count_here() < FEW


def test_another_thread_counts_as_ever(fresh):
    seen = []
    thread = threading.Thread(target=lambda: seen.append(_own_names.count_here()))
    with name_by("text"):
        thread.start()
        thread.join()
        assert seen[0] < FEW < _own_names.count_here() < 2**63
