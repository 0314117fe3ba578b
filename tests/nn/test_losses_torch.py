"""Losses have PyTorch's values and gradients: embedded numbers, and in the slow tests PyTorch itself."""

import numpy as np
import pytest

from tinygrad_edu import Value
from tinygrad_edu.errors import ArgumentError, DataError, ShapeError
from tinygrad_edu.nn import losses
from tinygrad_edu.ops.activation import log_softmax

RNG = np.random.default_rng(0)
S, T = RNG.normal(size=(6, 5)), RNG.normal(size=(6, 5))
U = RNG.normal(size=(6, 5))
Y = np.array([4, 0, 2, 2, 1, 3])
SOME = np.where(np.arange(6) % 3 == 1, -100, Y)  # two of them ignored
P = np.exp(T) / np.exp(T).sum(axis=1, keepdims=True)
ZEROS = np.where(P < 0.1, 0.0, P)
W = np.array([0.2, 1.0, 3.0, 0.5, 0.9])
BINARY = (U > 0).astype(float)
SIGNS = np.array([1, -1, -1, 1, -1, 1])
STEPS = RNG.normal(size=(12, 4, 6)) * 2
WORDS = np.array([[2, 2, 2, 1, 5], [1, 2, 3, 4, 5], [3, 3, 1, 4, 4], [5, 1, 5, 1, 5]])
INPUT, COUNTS = np.array([12, 12, 9, 7]), np.array([5, 3, 4, 0])
ROW = np.concatenate([word[:n] for word, n in zip(WORDS, COUNTS, strict=True)])

OURS = {
    "mse": losses.mse,
    "l1_loss": losses.mae,
    "huber_loss": losses.huber,
    "binary_cross_entropy_with_logits": losses.binary_cross_entropy,
    "cross_entropy": losses.softmax_cross_entropy,
    "nll_loss": losses.nll,
    "kl_div": losses.kl_div,
    "cosine_embedding_loss": losses.cosine_embedding,
    "triplet_margin_loss": losses.triplet_margin,
    "ctc_loss": losses.ctc,
    "mse_loss": losses.mse,
}
# PyTorch's function, what is differentiated, the other arguments, options of both
CASES = {
    "mse": ("mse_loss", [S], [T], {}),
    "mae": ("l1_loss", [S], [T], {}),
    "huber": ("huber_loss", [2 * S], [T], {}),
    "huber, delta": ("huber_loss", [S], [T], {"delta": 0.3}),
    "binary": ("binary_cross_entropy_with_logits", [S], [P], {}),
    "classes": ("cross_entropy", [S], [Y], {}),
    "classes, weight": ("cross_entropy", [S], [Y], {"weight": W}),
    "classes, ignored": ("cross_entropy", [S], [SOME], {}),
    "classes, ignored, weight": ("cross_entropy", [S], [SOME], {"weight": W}),
    "classes, smooth": ("cross_entropy", [S], [Y], {"label_smoothing": 0.1}),
    "classes, all": ("cross_entropy", [S], [SOME], {"label_smoothing": 0.3, "weight": W}),
    "classes, index": ("cross_entropy", [S], [Y], {"ignore_index": 2, "label_smoothing": 1.0}),
    "probabilities": ("cross_entropy", [S], [P], {}),
    "probabilities, all": ("cross_entropy", [S], [P], {"label_smoothing": 0.2, "weight": W}),
    "nll": ("nll_loss", [S], [Y], {}),
    "nll, all": ("nll_loss", [S], [SOME], {"weight": W}),
    "kl": ("kl_div", [S], [ZEROS], {}),
    "kl, targets too": ("kl_div", [S, P], [], {}),
    "kl, log": ("kl_div", [S, np.log(P)], [], {"log_target": True}),
    "cosine": ("cosine_embedding_loss", [S, T], [SIGNS], {}),
    "cosine, margin": ("cosine_embedding_loss", [S, T], [SIGNS], {"margin": 0.3}),
    "triplet": ("triplet_margin_loss", [S, T, U], [], {}),
    "triplet, p": ("triplet_margin_loss", [S, T, U], [], {"margin": 0.7, "p": 1.0}),
    "triplet, swap": ("triplet_margin_loss", [S, T, U], [], {"p": 3.0, "swap": True, "eps": 1e-3}),
    "ctc": ("ctc_loss", [STEPS], [WORDS, INPUT, COUNTS], {}),
    "ctc, in a row": ("ctc_loss", [STEPS], [ROW, INPUT, COUNTS], {}),
    "ctc, blank": ("ctc_loss", [STEPS], [WORDS - 1, INPUT, COUNTS], {"blank": 5}),
    "ctc, too short": ("ctc_loss", [STEPS], [WORDS, INPUT - 5, COUNTS], {"zero_infinity": True}),
    "ctc, huge": ("ctc_loss", [1000 * np.sign(STEPS)], [WORDS, INPUT, COUNTS], {}),
}
# PyTorch 2.13.0, float64: the mean, and the sum of |gradient of each input| for it.
REFERENCE = {
    "mse": (2.193224469929, 2.403597109567),
    "mae": (1.201798554784, 1.0),
    "huber": (1.274940557842, 0.7883823000969),
    "huber, delta": (0.3178188008373, 0.2818627817581),
    "binary": (0.7692511884088, 0.310477208241),
    "classes": (2.027847049877, 1.660558833682),
    "classes, weight": (2.391209023853, 1.744545944479),
    "classes, ignored": (2.384595572854, 1.788560264039),
    "classes, ignored, weight": (2.615687142163, 1.827424444885),
    "classes, smooth": (2.008217906447, 1.500558833682),
    "classes, all": (2.187584111789, 1.390289680915),
    "classes, index": (1.813820172516, 0.491507045336),
    "probabilities": (2.007698000817, 0.8281497766709),
    "probabilities, all": (2.575689226464, 1.263848923937),
    "nll": (0.3177779340629, 1.0),
    "nll, all": (1.166886235365, 1.0),
    "kl": (-0.16604605263, 0.1821803660219),
    "kl, targets too": (-0.2237352322359, 0.2, 1.108791643921),
    "kl, log": (-0.2237352322359, 0.2, 0.1546284685102),
    "cosine": (0.5522604023759, 0.75220030826, 0.5420188900114),
    "cosine, margin": (0.5522604023759, 0.75220030826, 0.5420188900114),
    "triplet": (1.436649395842, 1.864540937842, 1.903411054702, 1.929325063348),
    "triplet, p": (1.630983631385, 3.0, 3.333333333333, 3.333333333333),
    "triplet, swap": (1.907214857743, 1.702987924288, 1.807117811759, 1.367354756988),
    "ctc": (8.798061681304, 5.411094577184),
    "ctc, in a row": (8.798061681304, 5.411094577184),
    "ctc, blank": (5.541194411545, 4.687502254417),
    "ctc, too short": (3.866975360303, 2.10599157474),
    "ctc, huge": (2636.671484103, 5.585000000001),
}  # fmt: skip


def ours(name, reduction):
    """Losses, and the gradient of their sum by each input."""
    function, inputs, others, options = CASES[name]
    values = [Value(x) for x in inputs]
    first = [log_softmax(values[0])] if function == "ctc_loss" else values
    out = OURS[function](*first, *others, reduction=reduction, **options)
    np.sum(out).backward()
    return out.data, [value.grad for value in values]


def theirs(torch, name, reduction):
    function, inputs, others, options = CASES[name]
    tensors = [torch.tensor(x, requires_grad=True) for x in inputs]
    first = [torch.log_softmax(tensors[0], -1)] if function == "ctc_loss" else tensors
    options = {key: torch.tensor(x) if isinstance(x, np.ndarray) else x for key, x in options.items()}
    call = getattr(torch.nn.functional, function)
    out = call(*first, *map(torch.tensor, others), reduction=reduction, **options)
    out.sum().backward()
    return out.detach().numpy(), [tensor.grad.numpy() for tensor in tensors]


@pytest.mark.parametrize("name", CASES)
def test_the_mean_and_its_gradients_are_those_of_pytorch(name):
    value, *sizes = REFERENCE[name]
    mean, gradients = ours(name, "mean")
    assert float(mean) == pytest.approx(value, rel=1e-10)
    assert [float(np.abs(g).sum()) for g in gradients] == pytest.approx(sizes, rel=1e-10)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", CASES)
def test_every_reduction_has_the_values_and_gradients_of_pytorch(name, reduction):
    torch = pytest.importorskip("torch")
    (out, gradients), (expected, wanted) = ours(name, reduction), theirs(torch, name, reduction)
    np.testing.assert_allclose(out, expected, rtol=1e-10, atol=1e-10)
    for gradient, want in zip(gradients, wanted, strict=True):
        np.testing.assert_allclose(gradient, want, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", [name for name in CASES if "ctc" not in name])
@pytest.mark.parametrize("size", [1.0, 1000.0])
def test_the_gradient_of_the_sum_agrees_with_finite_differences(name, size):
    function, inputs, others, options = CASES[name]
    loss, inputs = OURS[function], [np.round(x, 1) * size if size > 1 else x for x in inputs]
    if size > 1:
        inputs = [np.abs(x) if i and function == "kl_div" and not options else x for i, x in enumerate(inputs)]
        if options.get("log_target"):
            inputs = [inputs[0], np.log(P)]
    values = [Value(x) for x in inputs]
    out = loss(*values, *others, reduction="sum", **options)
    out.backward()
    assert np.isfinite(out.data)
    assert all(np.isfinite(value.grad).all() for value in values)
    if size > 1:
        return  # stable, in silence; a difference of such numbers would say nothing
    for i, x in enumerate(inputs):
        direction = np.random.default_rng(1).normal(size=x.shape)
        along = [
            loss(
                *[y + (h * direction if j == i else 0) for j, y in enumerate(inputs)],
                *others,
                reduction="sum",
                **options,
            )
            for h in (1e-6, -1e-6)
        ]
        assert np.sum(values[i].grad * direction) == pytest.approx((along[0] - along[1]) / 2e-6, rel=1e-5, abs=1e-7)


# -- what PyTorch has not, or has another way


def test_batchmean_is_the_divergence_as_it_is_defined():
    log_p = log_softmax(S)
    expected = (P * (np.log(P) - log_p)).sum(axis=1).mean()
    assert losses.kl_div(Value(log_p), P, reduction="batchmean").item() == pytest.approx(expected, rel=1e-14)
    with pytest.raises(DataError, match="batchmean needs a batch"):
        losses.kl_div(Value(0.0), 1.0, reduction="batchmean")


@pytest.mark.parametrize(("alpha", "gamma"), [(0.25, 2.0), (-1.0, 1.5), (0.6, 0.0)])
def test_focal_is_the_formula_of_its_paper(alpha, gamma):
    p = 1 / (1 + np.exp(-S))
    right = np.where(BINARY == 1, p, 1 - p)
    weights = 1.0 if alpha < 0 else np.where(BINARY == 1, alpha, 1 - alpha)
    expected = -weights * (1 - right) ** gamma * np.log(right)
    np.testing.assert_allclose(losses.focal(S, BINARY, alpha, gamma, reduction="none"), expected, rtol=1e-12)


def test_a_cosine_of_a_vanishing_vector_is_finite():
    x = Value(np.zeros((1, 3)))
    out = losses.cosine_similarity(x, np.ones((1, 3)))
    out.sum().backward()
    assert out.item() == 0.0
    assert np.isfinite(x.grad).all()
    assert losses.cosine_similarity(Value(S), T, axis=0).shape == (5,)


def test_ctc_sums_over_all_paths():
    rng = np.random.default_rng(3)
    log_probs = log_softmax(rng.normal(size=(4, 1, 3)))

    def spelled(path):
        kept = [label for i, label in enumerate(path) if i == 0 or label != path[i - 1]]
        return [label for label in kept if label]

    paths = np.array(np.meshgrid(*[range(3)] * 4)).reshape(4, -1).T
    for word in ([], [1], [2, 1], [1, 1], [2, 2, 1]):
        total = sum(np.exp(log_probs[range(4), 0, path].sum()) for path in paths if spelled(path) == word)
        padded = np.array([word + [1] * (3 - len(word))])
        loss = losses.ctc(log_probs, padded, [4], [len(word)], reduction="sum")
        assert np.exp(-loss) == pytest.approx(total, rel=1e-12)


def test_a_target_that_does_not_fit_has_an_infinite_loss_and_no_gradient():
    x = Value(np.log(np.full((2, 1, 3), 1 / 3)))
    loss = losses.ctc(x, [[1, 1]], [2], [2])
    loss.backward()
    assert loss.item() == np.inf
    np.testing.assert_array_equal(x.grad, 0.0)
    assert losses.ctc(x, [[1, 1]], [2], [2], zero_infinity=True).item() == 0.0


def test_ctc_takes_one_sample_without_a_batch():
    one = losses.ctc(log_softmax(STEPS[:, 1]), WORDS[1], [12], [3], reduction="none")
    assert one == losses.ctc(log_softmax(STEPS), WORDS, INPUT, COUNTS, reduction="none")[1]
    assert one.shape == ()


def test_float32_losses_stay_float32():
    x = Value(S.astype(np.float32))
    cases = [
        losses.huber(x, T), losses.nll(x, SOME, weight=W), losses.kl_div(x, P), losses.focal(x, BINARY),
        losses.softmax_cross_entropy(x, SOME, weight=W, label_smoothing=0.1),
        losses.ctc(Value(STEPS.astype(np.float32)), WORDS, INPUT, COUNTS),
    ]  # fmt: skip
    assert {case.dtype for case in cases} == {np.dtype(np.float32)}


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: losses.huber(S, T, delta=0.0), ArgumentError, "delta must be above 0"),
        (lambda: losses.focal(S, BINARY, gamma=-1.0), ArgumentError, "gamma must be at least 0"),
        (lambda: losses.focal(S, P), DataError, "labels must be 0 or 1"),
        (lambda: losses.kl_div(S, T), DataError, "be at least 0, as probabilities are"),
        (lambda: losses.softmax_cross_entropy(S, Y, label_smoothing=1.5), ArgumentError, r"lie in \[0, 1\], got 1.5"),
        (lambda: losses.softmax_cross_entropy(S, Y, weight=W[:3]), ShapeError, r"one number a class, shape \(5,\)"),
        (lambda: losses.nll(S, np.full(6, -100)), DataError, "no sample counts"),
        (lambda: losses.nll(S, SOME, ignore_index=-1), DataError, "lie in 0 to 4"),
        (lambda: losses.cosine_embedding(S, T, BINARY[:, 0]), DataError, "be -1 or 1"),
        (lambda: losses.cosine_embedding(S, T[:3], SIGNS), ShapeError, "vectors of one shape"),
        (lambda: losses.cosine_embedding(S, T, SIGNS[:3]), ShapeError, r"labels of shape \(6,\), got \(3,\)"),
        (lambda: losses.triplet_margin(S, T, U[:, :2]), ShapeError, "vectors of one shape"),
        (lambda: losses.ctc(STEPS[0, 0], WORDS, INPUT, COUNTS), ShapeError, "log_probs of shape"),
        (
            lambda: losses.ctc(STEPS, WORDS, INPUT + 1, COUNTS),
            ShapeError,
            "input_lengths must be 4 whole numbers of at",
        ),
        (lambda: losses.ctc(STEPS, WORDS, INPUT, COUNTS[:2]), ShapeError, "target_lengths must be 4"),
        (lambda: losses.ctc(STEPS, WORDS[:2], INPUT, COUNTS), ShapeError, r"targets of shape \(4, longest\)"),
        (lambda: losses.ctc(STEPS, WORDS, INPUT, COUNTS, blank=2), DataError, "not be the blank 2, got 2"),
        (lambda: losses.ctc(STEPS, WORDS + 1, INPUT, COUNTS), DataError, "lie in 0 to 5 and not be the blank 0, got 6"),
    ],
)
def test_arguments_that_make_no_loss_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
