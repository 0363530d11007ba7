"""A net from its folder: what comes back, and what is said of a folder from which none does."""

from pathlib import Path

import numpy as np
import pytest

from voicetraits.errors import ModelError
from voicetraits.explaining.gradients import keras
from voicetraits.models.restoring import is_net, restore_net


@pytest.fixture
def net() -> keras.Model:
    clip = keras.Input((3,), name="clip")
    return keras.Model(clip, keras.layers.Dense(2, activation="softmax", name="softmax")(clip))


@pytest.fixture
def folder(net: keras.Model, tmp_path: Path) -> Path:
    (tmp_path / "architecture.json").write_text(net.to_json())
    net.save_weights(tmp_path / "net.weights.h5")
    return tmp_path


def test_a_net_comes_back_from_architecture_and_weights(net: keras.Model, folder: Path) -> None:
    assert is_net(folder)
    clips = np.random.default_rng(0).random((4, 3), np.float32)
    np.testing.assert_array_equal(restore_net(folder)(clips), net(clips))


def test_a_folder_of_something_else_holds_no_net(tmp_path: Path) -> None:
    assert not is_net(tmp_path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("net.weights.h5", b"no weights"),
        ("net.weights.h5", None),
        ("architecture.json", b"{"),
        ("architecture.json", b"{}"),
        ("architecture.json", b"[12]"),
        ("architecture.json", b"\xff"),
        ("architecture.json", None),
    ],
)
def test_damage_is_one_line_that_names_the_folder(folder: Path, name: str, content: bytes | None) -> None:
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    with pytest.raises(ModelError, match=r"^the net in .* cannot be restored: .*; make it again with `dvc rep") as said:
        restore_net(folder)
    assert str(folder) in str(said.value)
    assert "\n" not in str(said.value)
