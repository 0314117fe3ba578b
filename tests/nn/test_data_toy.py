"""The toy problems and the embedded digits."""

import numpy as np
import pytest

from tinygrad_edu.errors import DataError
from tinygrad_edu.nn.data import blobs, circles, digits, moons, spirals, xor

GENERATORS = {"moons": moons, "circles": circles, "spirals": spirals, "xor": xor, "blobs": blobs}
every_generator = pytest.mark.parametrize("make", GENERATORS.values(), ids=GENERATORS)


def test_the_digits_are_the_1797_images_that_the_licence_note_names():
    images, labels = digits()
    assert images.shape == (1797, 8, 8)
    assert images.dtype == np.float64
    assert np.issubdtype(labels.dtype, np.integer)
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert images.min() == 0.0
    assert images.max() == 1.0
    assert images.sum() * 16 == 561718
    assert (images[0, 0] * 16).tolist() == [0, 0, 5, 13, 9, 1, 0, 0]


def test_shuffled_digits_keep_each_image_with_its_label():
    images, labels = digits()
    shuffled, shuffled_labels = digits(rng=3)
    assert not np.array_equal(labels, shuffled_labels)
    before = sorted((int(label), image.tobytes()) for image, label in zip(images, labels, strict=True))
    after = sorted((int(label), image.tobytes()) for image, label in zip(shuffled, shuffled_labels, strict=True))
    assert before == after


@every_generator
def test_the_same_seed_gives_the_same_points_and_another_seed_others(make):
    points, labels = make(30, noise=0.1, rng=5)
    again, labels_again = make(30, noise=0.1, rng=np.random.default_rng(5))
    others, _ = make(30, noise=0.1, rng=6)
    assert np.array_equal(points, again)
    assert np.array_equal(labels, labels_again)
    assert not np.array_equal(points, others)


@every_generator
@pytest.mark.parametrize("n", [30, 31, 32])
def test_samples_are_shared_evenly_and_come_shuffled(make, n):
    points, labels = make(n, rng=0)
    counts = np.bincount(labels)
    assert points.shape == (n, 2)
    assert points.dtype == np.float64
    assert len(labels) == n
    assert counts.max() - counts.min() <= 1
    assert not np.array_equal(labels, np.sort(labels))


@every_generator
def test_noise_has_the_standard_deviation_asked_for(make):
    centers = {"centers": [[0.0, 0.0], [0.0, 0.0]]} if make is blobs else {}
    clean, _ = make(4000, noise=0.0, rng=np.random.default_rng(1), **centers)
    noisy, _ = make(4000, noise=0.3, rng=np.random.default_rng(1), **centers)
    # The same seed draws the same order, so the difference is the noise alone; 8000 draws give its deviation to 1%.
    assert np.std(noisy - clean) == pytest.approx(0.3, rel=0.05)


def test_moons_lie_on_their_half_circles():
    points, labels = moons(101, rng=0)
    assert np.bincount(labels).tolist() == [50, 51]
    upper, lower = points[labels == 0], points[labels == 1]
    assert np.hypot(*upper.T) == pytest.approx(1.0)
    assert (upper[:, 1] >= 0).all()
    assert np.hypot(lower[:, 0] - 1.0, lower[:, 1] - 0.5) == pytest.approx(1.0)
    assert (lower[:, 1] <= 0.5).all()


def test_the_inner_circle_has_the_radius_asked_for():
    points, labels = circles(60, factor=0.8, rng=0)
    assert np.hypot(*points.T) == pytest.approx(np.where(labels == 1, 0.8, 1.0))


def test_spiral_arms_are_one_arm_turned_around_the_origin():
    points, labels = spirals(90, arms=3, turns=0.5, rng=0)
    first, second = (sorted(map(complex, *points[labels == k].T), key=abs) for k in (0, 1))
    assert np.array(second) == pytest.approx(np.array(first) * np.exp(2j * np.pi / 3))
    assert np.array(first[-1]) == pytest.approx(-1.0)  # half a turn, at radius 1


def test_xor_is_one_exactly_when_the_bits_differ():
    points, labels = xor(40, rng=0)
    assert np.array_equal(labels, points[:, 0] != points[:, 1])
    assert len(np.unique(points, axis=0)) == 4


def test_blobs_lie_at_their_centres_in_any_number_of_features():
    centers = np.array([[0.0, 0.0, 1.0], [4.0, 5.0, 6.0]])
    points, labels = blobs(10, noise=0.0, centers=centers, rng=0)
    assert np.array_equal(points, centers[labels])


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: moons(1), "n_samples must be at least 2"),
        (lambda: moons(noise=-1.0), "noise is a standard deviation"),
        (lambda: moons(noise=float("nan")), "noise is a standard deviation"),
        (lambda: circles(factor=1.0), "factor must lie between 0 and 1"),
        (lambda: spirals(arms=1), "arms must be at least 2"),
        (lambda: blobs(centers=1), "centers must be a count of at least 2"),
        (lambda: blobs(centers=[1.0, 2.0]), "centers must be a count of at least 2"),
    ],
)
def test_impossible_wishes_are_refused_with_what_was_expected(make, says):
    with pytest.raises(DataError, match=says):
        make()
