"""What a training keeps between epochs: early stopping, phases, checkpoints, learning rates."""

import errno
import io
import multiprocessing

import numpy as np
import pytest

from support.project import ROOT
from voicetraits import params
from voicetraits.errors import ParameterError
from voicetraits.models.checkpoints import Checkpoint, Checkpoints
from voicetraits.models.net_module import Phase
from voicetraits.models.net_names import NETS, Nets
from voicetraits.models.net_params import Training, read_training_and_net
from voicetraits.models.net_progress import Progress
from voicetraits.models.schedules import learning_rate
from voicetraits.models.voicenet import Params
from voicetraits.params import section
from voicetraits.store import Store

ALL = params.load(ROOT / "params.yaml")


def training(**values):
    return params.get({"net": {"common": {**ALL["net"]["common"], **values}}}, "net.common", Training)


def noted(losses, step_epochs=3, keeps_last=False):
    progress = Progress()
    for number, loss in enumerate(losses):
        progress.note({"loss/val": loss}, [np.array([number])], step_epochs=step_epochs, keeps_last=keeps_last)
    return progress


# Early stopping and phases


def test_the_best_epoch_is_kept():
    progress = noted([3.0, 1.0, 2.0, 1.0, 1.5])
    assert (progress.kept[0][0], progress.best_loss, progress.stale) == (1, 1.0, 3)


def test_the_last_epoch_is_kept_where_asked_for():
    """What the learning rate of `plateau` waits for counts on."""
    progress = noted([3.0, 1.0, 2.0, 1.0, 1.5], keeps_last=True)
    assert (progress.kept[0][0], progress.best_loss, progress.stale, progress.waits) == (4, 1.0, 3, 1)


@pytest.mark.parametrize(("patience", "ended"), [(2, True), (3, True), (4, False), (None, False)])
def test_patience(patience, ended):
    assert noted([3.0, 1.0, 2.0, 1.0, 1.5]).has_ended([Phase(100)], patience) is ended


def test_waits_count_every_step_epochs_without_a_better_loss():
    assert [noted([1.0] * n, step_epochs=2).waits for n in range(1, 7)] == [0, 0, 1, 1, 2, 2]
    assert noted([1.0, 1.0, 1.0, 0.5], step_epochs=2).waits == 1


def test_phases():
    phases = [Phase(2), Phase(3)]
    assert [Progress(epoch=e).phase(phases) for e in range(6)] == [(0, 0), (0, 0), (1, 2), (1, 2), (1, 2), (2, 5)]
    assert not Progress(epoch=1, stale=9).has_ended(phases, patience=1)  # the next phase may bring more
    assert not Progress(epoch=2, stale=2).has_ended(phases, patience=1)  # of the first phase
    assert Progress(epoch=3, stale=1).has_ended(phases, patience=1)
    assert Progress(epoch=5).has_ended(phases, patience=9)
    assert Progress(epoch=5, stale=5).has_ended(phases, patience=None)


# Checkpoints


@pytest.fixture
def checkpoints(store):
    return Checkpoints(store)


def test_what_is_written_is_read(checkpoints):
    progress = noted([2.5, 0.1 + 0.2])
    progress.variables, progress.optimizer = [np.float32([[1, 2]]), np.array([7, 8], np.uint32)], [np.array(3)]
    progress.write(checkpoints, "key")
    again = Progress.read(checkpoints, "key")
    for kind in ("kept", "variables", "optimizer"):
        for one, other in zip(getattr(progress, kind), getattr(again, kind), strict=True):
            assert (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())
    assert again.figures == progress.figures
    assert (again.epoch, again.best_loss, again.stale) == (2, 0.1 + 0.2, 0)


def test_no_checkpoint_is_a_start(checkpoints):
    assert Progress.read(checkpoints, "key") == Progress()


@pytest.mark.parametrize("damage", ["cut", "flipped", "emptied"])
def test_a_damaged_checkpoint_is_noticed(checkpoints, store, capsys, damage):
    checkpoints.write("key", Checkpoint({"counts": {}}, {"a": np.arange(100)}))
    path = store.partial / "key.checkpoint"
    content = path.read_bytes()
    flipped = content[:200] + bytes([content[200] ^ 1]) + content[201:]
    path.write_bytes({"cut": content[:-1], "flipped": flipped, "emptied": b""}[damage])
    assert checkpoints.read("key") is None
    assert "is damaged; training starts anew" in capsys.readouterr().err
    assert not path.exists()


def test_a_full_disk_is_said_to_be_the_stores(checkpoints, store, monkeypatch):
    """What writes to an open file is told no path; without one, the project's folder would be named."""

    class Full(io.FileIO):
        def write(self, _):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("builtins.open", Full)
    with pytest.raises(OSError, match="No space") as error:
        checkpoints.write("key", Checkpoint({}, {"a": np.arange(9)}))
    assert error.value.filename == str(store.root)
    assert list(store.partial.iterdir()) == []


def _write_many(root):
    for epoch in range(20):
        Checkpoints(Store(root)).write("key", Checkpoint({"epoch": epoch}, {"a": np.zeros(500_000)}))


def test_two_processes_may_train_the_same(store, checkpoints):
    """As two experiments do: neither takes away what the other is writing."""
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_write_many, args=(store.root,)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert checkpoints.read("key").state == {"epoch": 19}
    assert list((store.root / "aside").iterdir()) == []


def test_one_file_for_each_training_removed_at_the_end(checkpoints, store):
    for epoch in range(3):
        for key in ("one", "two"):
            checkpoints.write(key, Checkpoint({"epoch": epoch}, {}))
    Checkpoints(store).write("of another run", Checkpoint({}, {}))
    assert len(list(store.partial.iterdir())) == 3
    checkpoints.remove()
    assert [path.name for path in store.partial.iterdir()] == ["of another run.checkpoint"]


# Learning rates


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", [0.1] * 6),
        ("step", [0.1, 0.1, 0.05, 0.05, 0.025, 0.025]),
        ("cosine", [0.1, 0.0933012702, 0.075, 0.05, 0.025, 0.0066987298]),
        ("plateau", [0.1, 0.1, 0.1, 0.05, 0.05, 0.025]),
    ],
)
def test_learning_rates(schedule, expected):
    settings = training(schedule=schedule, lr=0.1, gamma=0.5, step_epochs=2)
    waits = [0, 0, 0, 1, 1, 2]
    assert [learning_rate(settings, e, 6, waits[e]) for e in range(6)] == pytest.approx(expected)


# Params


def test_a_net_may_have_a_key_of_common_otherwise():
    own = {**ALL["net"]["voicenet"], "lr": 1e-5, "schedule": "step"}
    settings, net = read_training_and_net({"net": {**ALL["net"], "voicenet": own}}, "voicenet", Params)
    assert (settings.lr, settings.schedule) == (1e-5, "step")
    assert settings.epochs == ALL["net"]["common"]["epochs"]
    _, as_it_is = read_training_and_net(ALL, "voicenet", Params)
    assert net == as_it_is


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"lr": -1.0}, r"`net.voicenet.lr` is -1.0; allowed: greater than 0"),
        ({"lr": float("inf")}, r"`net.voicenet.lr` is inf; allowed: a finite number"),
        ({"schedule": "linear"}, r"`net.voicenet.schedule` is 'linear'; allowed: .*'cosine'"),
        (
            {"epoch": 3},
            r"key `net.voicenet.epoch`; did you mean `net.voicenet.epochs`\? allowed: .*\.batch_size",
        ),
        ({"chanels": 3}, r"unknown key `net.voicenet.chanels`; did you mean `net.voicenet.channels`"),
        ({"mel_bands": 63}, r"`net.voicenet.mel_bands` is 63; allowed: a multiple of 4"),
    ],
)
def test_bad_keys_are_named(own, message):
    with pytest.raises(ParameterError, match=message):
        read_training_and_net(
            {"net": {**ALL["net"], "voicenet": {**ALL["net"]["voicenet"], **own}}}, "voicenet", Params
        )


def test_a_net_without_keys_of_its_own_needs_no_section():
    @section
    class Nothing:
        pass

    for own in ({}, {"dnn": None}, {"dnn": {}}):
        settings, _ = read_training_and_net({"net": {"common": ALL["net"]["common"], **own}}, "dnn", Nothing)
        assert settings == training()


@pytest.mark.parametrize("own", [5, 0, True, False, [1], [], "x", ""])
def test_a_section_that_holds_no_keys_is_named(own):
    with pytest.raises(ParameterError) as caught:
        read_training_and_net({"net": {**ALL["net"], "voicenet": own}}, "voicenet", Params)
    assert str(caught.value) == f"params.yaml: `net.voicenet` is {own!r}; allowed: names with values, or {{}} for none"


@pytest.mark.parametrize("nets", [["voicenet", "voicenet"], ["vgg"], "voicenet"])
def test_bad_nets_are_named(nets):
    with pytest.raises(ParameterError, match="`nets"):
        params.get({"nets": nets}, "nets", Nets)


def test_any_nets_may_be_chosen():
    assert params.get({"nets": []}, "nets", Nets) == ()
    assert params.get({"nets": list(NETS)}, "nets", Nets) == NETS
