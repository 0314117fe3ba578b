"""The small sets that come with the package are what their notes say."""

from importlib.resources import files

import numpy as np
import pytest

from tinygrad_edu.nn.data import first_names, iris, sunspots


def test_iris_is_that_of_scikit_learn():
    sklearn = pytest.importorskip("sklearn.datasets")
    table, theirs = iris(), sklearn.load_iris()
    np.testing.assert_array_equal(table.features, theirs.data)
    np.testing.assert_array_equal(table.targets, theirs.target)
    assert table.classes == tuple(theirs.target_names)
    assert table.feature_names == tuple(theirs.feature_names)


def test_iris_has_fishers_numbers():
    table = iris()
    np.testing.assert_allclose(table.features.mean(axis=0), [5.84333333, 3.05733333, 3.758, 1.19933333], rtol=1e-8)
    assert np.bincount(table.targets).tolist() == [50, 50, 50]
    np.testing.assert_array_equal(table.features[[34, 37]], [[4.9, 3.1, 1.5, 0.2], [4.9, 3.6, 1.4, 0.1]])


def test_sunspots_come_and_go_in_eleven_years():
    years, numbers = sunspots()
    assert years.tolist() == list(range(1700, 2009))
    assert numbers.min() == 0.0
    assert numbers.sum() == pytest.approx(15373.4, abs=0.05)
    power = np.abs(np.fft.rfft(numbers - numbers.mean()))
    assert 10.5 < len(numbers) / power.argmax() < 11.5


def test_first_names_are_short_words_of_small_letters_each_once():
    names = first_names()
    assert len(set(names)) == len(names) == 5163
    assert list(names) == sorted(names)
    assert set("".join(names)) == set("abcdefghijklmnopqrstuvwxyz")
    assert {len(name) for name in names} == set(range(2, 12))
    assert {"mary", "james", "linda", "robert"} <= set(names)


def test_source_and_licence_of_each_set_stand_beside_it():
    folder = files("tinygrad_edu.nn.data")
    notes = (folder / "SMALL_SETS.txt").read_text(encoding="utf-8") + (folder / "DIGITS.txt").read_text(
        encoding="utf-8"
    )
    for name in ("iris.csv", "sunspots.csv", "first_names.txt", "digits.npz"):
        assert (folder / name).is_file()
        part = notes[notes.index(f"{name}: ") :]
        assert part.index("Source") < part.index("Licence") < part.index("Changes")
