import io
import json
import zipfile

import numpy as np
import pytest

from tinygrad_edu.errors import ArgumentError, CheckpointError, MissingDependencyError
from tinygrad_edu.nn import Dense, Dropout, History, Sequential
from tinygrad_edu.nn.archive import read_archive, write_archive
from tinygrad_edu.nn.checkpoint import load_checkpoint, load_weights, save_checkpoint, save_weights
from tinygrad_edu.nn.optim import SGD, Adam, AdamW, StepLR


def trained(seed=0):
    """Model, optimizer, schedule and generator, after three steps."""
    rng = np.random.default_rng(seed)
    model = Sequential(Dense(2, 3, activation="tanh", rng=rng), Dropout(0.5, rng=seed), Dense(3, 1, rng=rng))
    optimizer = Adam(model.parameters(), lr=0.1 + 0.1 * seed)
    schedule = StepLR(optimizer, 2)
    for _ in range(3):
        optimizer.zero_grad()
        (model(rng.normal(size=(4, 2))) ** 2).sum().backward()
        optimizer.step()
        schedule.step()
    return model, optimizer, schedule, rng


def everything(model, optimizer, schedule, rng):
    """All that a checkpoint keeps, as one tree without arrays."""
    tree = [
        model.state_dict(), model[1].rng.bit_generator.state, optimizer.state_dict(), schedule.state_dict(),
        rng.bit_generator.state,
    ]  # fmt: skip
    return repr(tree)


def saved(path, seed=0, **more):
    model, optimizer, schedule, rng = parts = trained(seed)
    save_checkpoint(path, model, optimizer, schedule, rng, epoch=3, **more)
    return parts


def test_a_checkpoint_gives_back_all_it_was_given(tmp_path):
    history = History([1, 2], {"loss": [0.5, float("inf")]}, best_epoch=1)
    source, target = saved(tmp_path / "a.npz", history=history), trained(seed=1)
    assert everything(*source) != everything(*target)
    found = load_checkpoint(tmp_path / "a.npz", *target)
    assert everything(*source) == everything(*target)
    assert (found.epoch, found.history) == (3, history)


def test_the_arrays_are_read_by_numpy_without_pickle(tmp_path):
    model, *_ = saved(tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz", allow_pickle=False) as archive:
        np.testing.assert_array_equal(archive["model/layers.0.weight"], model[0].weight.data)


def test_equal_states_give_equal_files_and_a_file_is_replaced_in_place(tmp_path):
    saved(tmp_path / "a.npz")
    saved(tmp_path / "b.npz", seed=1)
    saved(tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.npz", "b.npz"]


@pytest.mark.parametrize(
    "generator", [np.random.MT19937, np.random.Philox, np.random.SFC64, np.random.PCG64, np.random.PCG64DXSM]
)
def test_every_kind_of_generator_goes_on_where_it_was(generator, tmp_path):
    model, rng = Dense(1, 1, rng=0), np.random.Generator(generator(7))
    rng.random(5)
    rng.integers(0, 10, 3, dtype=np.int32)
    save_checkpoint(tmp_path / "a.npz", model, rng=rng)
    expected, other = rng.random(700), np.random.Generator(generator(8))
    load_checkpoint(tmp_path / "a.npz", model, rng=other)
    np.testing.assert_array_equal(other.random(700), expected)
    if generator is not np.random.PCG64:
        with pytest.raises(CheckpointError, match="no state of its kind of generator"):
            load_checkpoint(tmp_path / "a.npz", model, rng=np.random.default_rng(0))


def test_numbers_of_every_kind_keep_their_type_and_bits(tmp_path):
    tree = {
        "array": np.arange(6, dtype=np.float32).reshape(2, 3).T, "empty": np.zeros((0, 3)), "half": np.float16(0.1),
        "bool": np.array([True, False]), "big": 2**127 + 1, "nan": float("nan"), "none": None,
        "list": [1, 2.5, "a", []],
        "negative zero": -0.0, "strided": np.arange(10)[::-2], "ends": np.array([np.inf, -np.inf, np.nan, 5e-324]),
        "big endian": np.array([1.5], dtype=">f8"),
    }  # fmt: skip
    found = read_archive(write_archive(tmp_path / "a.npz", tree))
    assert {key: type(value) for key, value in found.items()} == {key: type(value) for key, value in tree.items()}
    for key, value in tree.items():
        if isinstance(value, (np.ndarray, np.generic)):
            np.testing.assert_array_equal(found[key], value)
            assert found[key].dtype == value.dtype.newbyteorder("=")
        else:
            assert repr(found[key]) == repr(value)


@pytest.mark.parametrize("thing", [object(), np.array([object()]), {1, 2}, np.array(["text"])])
def test_what_is_no_number_is_not_saved_and_the_old_file_stays(thing, tmp_path):
    path = write_archive(tmp_path / "a.npz", {"a": 1})
    before = path.read_bytes()
    with pytest.raises((CheckpointError, ValueError)):
        read_archive(write_archive(path, {"thing": thing}))
    if not isinstance(thing, np.ndarray) or thing.dtype.kind == "O":
        assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["a.npz"]


# -- files that are not what they should be


def refuses(path, *parts):
    """Loading raises a CheckpointError and changes nothing."""
    before = everything(*parts)
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(path, *parts)
    assert everything(*parts) == before
    return str(caught.value)


def test_a_file_cut_anywhere_is_refused(tmp_path):
    saved(tmp_path / "a.npz")
    raw = (tmp_path / "a.npz").read_bytes()
    target = trained(seed=1)
    for length in [*range(0, len(raw), 97), len(raw) - 1]:
        (tmp_path / "cut.npz").write_bytes(raw[:length])
        assert "no whole checkpoint" in refuses(tmp_path / "cut.npz", *target)


def test_a_flipped_bit_is_refused_or_without_effect(tmp_path):
    source = everything(*saved(tmp_path / "a.npz"))
    raw = (tmp_path / "a.npz").read_bytes()
    rng, refused = np.random.default_rng(0), 0
    target = trained(seed=1)
    before = everything(*target)
    for _ in range(300):
        broken = bytearray(raw)
        broken[rng.integers(len(raw))] ^= 1 << rng.integers(8)
        (tmp_path / "broken.npz").write_bytes(broken)
        try:
            load_checkpoint(tmp_path / "broken.npz", *target)
        except CheckpointError:
            refused += 1
            assert everything(*target) == before
        else:  # a date, a permission: nothing that is read
            assert everything(*target) == source
            target = trained(seed=1)
    assert refused > 150


def rewritten(path, change, **how):
    """The archive with its index or entries changed."""
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    index = json.loads(entries["index.json"])
    change(index, entries)
    entries["index.json"] = index if isinstance(index, bytes) else json.dumps(index)
    with zipfile.ZipFile(path, "w", **how) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)


def npy(array, **options):
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


WEIGHT = "model/layers.0.weight.npy"
CHANGES = {
    "another format": (lambda i, e: i.update(format="x"), "not a checkpoint of tinygrad_edu"),
    "a later version": (lambda i, e: i.update(version=2), "version 2, this program reads 1"),
    "no tree": (lambda i, e: i.pop("tree"), "tree"),
    "a tree that is a number": (lambda i, e: i.update(tree=3), "not a checkpoint of a model"),
    "an array that is not there": (lambda i, e: e.pop(WEIGHT), "no whole checkpoint"),
    "a pickle": (lambda i, e: e.update({WEIGHT: npy(np.array([{}, {}]), allow_pickle=True)}), "holds object"),
    "text": (lambda i, e: e.update({WEIGHT: npy(np.array(["a"]))}), "not real numbers"),
    "complex numbers": (lambda i, e: e.update({WEIGHT: npy(np.zeros((2, 3), complex))}), "not real numbers"),
    "another shape": (lambda i, e: e.update({WEIGHT: npy(np.zeros((3, 2)))}), r"expected shape (2, 3), got (3, 2)"),
    "a header that claims terabytes": (
        lambda i, e: e.update({WEIGHT: npy(np.zeros((2, 3))).replace(b"(2, 3), }         ", b"(2000000, 3000000), }")}),
        "has not the size of its shape (2000000, 3000000)",
    ),
    "a negative size": (
        lambda i, e: e.update({WEIGHT: npy(np.zeros((2, 3))).replace(b"(2, 3), }  ", b"(-2, -3), }")}),
        "size of its shape",
    ),
    "no npy at all": (lambda i, e: e.update({WEIGHT: b"hello"}), "magic"),
    "a missing weight": (lambda i, e: i["tree"]["model"].pop("layers.0.bias"), "missing: layers.0.bias"),
    "a foreign weight": (lambda i, e: i["tree"]["model"].update(w=1.0), "unexpected: w"),
    "no optimizer": (lambda i, e: i["tree"].pop("optimizer"), "it holds no optimizer"),
    "a model that is a list": (lambda i, e: i["tree"].update(model=[1]), "not a dict"),
    "another optimizer": (lambda i, e: i["tree"]["optimizer"].update(kind="SGD"), "saved from a SGD, not from a Adam"),
    "a learning rate that is text": (
        lambda i, e: i["tree"]["optimizer"]["state"]["param_groups"][0].update(lr="fast"), "a saved option is not one",
    ),
    "a negative learning rate": (
        lambda i, e: i["tree"]["optimizer"]["state"]["param_groups"][0].update(lr=-1), "lr must be at least 0, got -1",
    ),
    "betas that are a number": (
        lambda i, e: i["tree"]["optimizer"]["state"]["param_groups"][0].update(betas=3), "a saved option is not one",
    ),
    "groups that are a number": (lambda i, e: i["tree"]["optimizer"]["state"].update(param_groups=3), "no parameters"),
    "moments that are text": (
        lambda i, e: i["tree"]["optimizer"]["state"]["state"][0].update(exp_avg="x"), "is no number",
    ),
    "moments of another shape": (
        lambda i, e: i["tree"]["optimizer"]["state"]["state"][0].update(exp_avg=[1.0]), "has shape (1,)",
    ),
    "a schedule of text": (lambda i, e: i["tree"]["scheduler"]["state"].update(last_epoch="3"), "does not fit"),
    "a schedule before its begin": (lambda i, e: i["tree"]["scheduler"]["state"].update(last_epoch=-1), "does not fit"),
    "a generator of text": (lambda i, e: i["tree"]["rng"]["rng"]["state"].update(inc="3"), "no state of its kind"),
    "a generator too few": (lambda i, e: i["tree"]["generators"].clear(), "expected layers.1.rng, got none"),
    "an epoch of text": (lambda i, e: i["tree"].update(epoch="3"), "its epoch is '3'"),
    "a history of text": (lambda i, e: i["tree"].update(history="3"), "nothing was loaded"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_a_hostile_file_is_refused_and_changes_nothing(name, tmp_path):
    change, message = CHANGES[name]
    saved(tmp_path / "a.npz")
    rewritten(tmp_path / "a.npz", change)
    assert message in refuses(tmp_path / "a.npz", *trained(seed=1))


def test_a_compressed_file_and_a_bomb_are_refused_before_they_are_unpacked(tmp_path):
    saved(tmp_path / "a.npz")
    rewritten(tmp_path / "a.npz", lambda i, e: e.update({WEIGHT: bytes(10**7)}), compression=zipfile.ZIP_DEFLATED)
    assert (tmp_path / "a.npz").stat().st_size < 10**5
    assert "compressed, and checkpoints are not" in refuses(tmp_path / "a.npz", *trained(seed=1))


def test_an_entry_that_is_there_twice_is_refused(tmp_path):
    saved(tmp_path / "a.npz")
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(tmp_path / "a.npz", "a") as archive:
        archive.writestr("index.json", "{}")
    assert "twice" in refuses(tmp_path / "a.npz", *trained(seed=1))


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04", b"[" * 100_000, bytes(1000)])
def test_a_file_of_another_kind_is_refused(content, tmp_path):
    (tmp_path / "a.npz").write_bytes(content)
    assert "no whole checkpoint" in refuses(tmp_path / "a.npz", *trained())
    with zipfile.ZipFile(tmp_path / "b.npz", "w") as archive:
        archive.writestr("index.json", content)
    assert "no whole checkpoint" in refuses(tmp_path / "b.npz", *trained())


def test_a_numpy_archive_a_folder_and_no_file_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", weight=np.zeros(3))
    assert "not a checkpoint of tinygrad_edu" in refuses(tmp_path / "a.npz", *trained())
    assert "no whole checkpoint" in refuses(tmp_path, *trained())
    assert "no such file" in refuses(tmp_path / "b.npz", *trained())


def test_a_position_outside_a_generators_buffer_is_refused(tmp_path):
    model, rng = Dense(1, 1, rng=0), np.random.Generator(np.random.MT19937(1))
    save_checkpoint(tmp_path / "a.npz", model, rng=rng)
    rewritten(tmp_path / "a.npz", lambda i, e: i["tree"]["rng"]["rng"]["state"].update(pos=10**6))
    with pytest.raises(CheckpointError, match="no state of its kind"):
        load_checkpoint(tmp_path / "a.npz", model, rng=rng)


def test_the_last_part_that_refuses_takes_all_others_back(tmp_path):
    saved(tmp_path / "a.npz")
    model, optimizer, _, rng = target = trained(seed=1)
    before = everything(*target)
    other = StepLR(SGD([*model.parameters()[:1]], lr=0.5), 1)
    other.base_lrs = [0.5, 0.5]
    with pytest.raises(CheckpointError, match="StepLR: the saved state does not fit"):
        load_checkpoint(tmp_path / "a.npz", model, optimizer, other, rng)
    assert everything(*target) == before


def test_the_state_of_adam_is_not_that_of_adamw(tmp_path):
    saved(tmp_path / "a.npz")
    model = trained()[0]
    with pytest.raises(CheckpointError, match="saved from a Adam, not from a AdamW"):
        load_checkpoint(tmp_path / "a.npz", model, AdamW(model.parameters()))


def test_a_seed_is_no_generator(tmp_path):
    with pytest.raises(ArgumentError, match="must be a Generator"):
        save_checkpoint(tmp_path / "a.npz", Dense(1, 1), rng=3)


# -- safetensors


def test_weights_go_to_safetensors_and_back_whatever_their_layout_in_memory(tmp_path):
    library = pytest.importorskip("safetensors.numpy")
    model, other = Dense(3, 4, rng=0), Dense(3, 4, rng=1)
    model.weight.data = np.asfortranarray(model.weight.data)
    path = save_weights(tmp_path / "a.safetensors", model)
    np.testing.assert_array_equal(library.load_file(path)["weight"], model.weight.data)
    load_weights(path, other)
    np.testing.assert_array_equal(other.weight.data, model.weight.data)


def test_scalar_weights_survive_safetensors(tmp_path):
    pytest.importorskip("safetensors")
    from tinygrad_edu.nn import MLP

    model, other = MLP(2, [2, 1], rng=0), MLP(2, [2, 1], rng=1)
    load_weights(save_weights(tmp_path / "a.safetensors", model), other)
    assert [p.data for p in other.parameters()] == [p.data for p in model.parameters()]
    assert type(other.parameters()[0].data) is float


def test_a_safetensors_file_that_does_not_fit_is_refused(tmp_path):
    pytest.importorskip("safetensors")
    path = save_weights(tmp_path / "a.safetensors", Dense(3, 4, rng=0))
    other = Dense(4, 3, rng=0)
    before = other.state_dict()
    raw = path.read_bytes()
    with pytest.raises(CheckpointError, match=r"expected shape \(4, 3\), got \(3, 4\)"):
        load_weights(path, other)
    for broken in (raw[:-1], raw[:5], b"", b"\xff" * 100):
        path.write_bytes(broken)
        with pytest.raises(CheckpointError, match="nothing was loaded"):
            load_weights(path, other)
    assert all((other.state_dict()[name] == before[name]).all() for name in before)


def test_without_safetensors_the_install_line_is_given(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(MissingDependencyError, match=r"tinygrad_edu\[io\]"):
        save_weights(tmp_path / "a", Dense(1, 1))
