"""What front ends make of clips, kept in the store and read as memory-mapped arrays."""

from dataclasses import asdict, dataclass, replace
from typing import ClassVar

import numpy as np
import pytest
import yaml

from support.project import ROOT
from support.shards import buzz, write_shards
from voicetraits import params
from voicetraits.augmentation.params import AugmentParams
from voicetraits.errors import DataError
from voicetraits.features.extractor import FeatureExtractor, FeaturizeParams
from voicetraits.front_ends.log_mel import FrontEnd
from voicetraits.net_inputs import Augmentation, front_end_of, prepare

CLIPS = {
    f"u{archive}/{clip}": buzz(100 + 20 * archive, 0.4 + 0.1 * clip, 10 * archive + clip)
    for archive in range(3)
    for clip in range(2)
}
PARAMS = params.get(yaml.safe_load((ROOT / "params.yaml").read_text()), "augment", AugmentParams)
AUGMENTED = Augmentation(PARAMS, frozenset(["u0/0", "u2/1"]), seed=3, target="gender")


@dataclass(frozen=True)
class Fixed:
    """A front end of fixed length: the first 0.1 s of the samples it gets."""

    name: ClassVar[str] = "fixed"
    shape: ClassVar[tuple] = (40, 40)
    clip_seconds: ClassVar[float] = 0.1

    def __call__(self, samples):
        return np.float32(samples[:1600]).reshape(40, 40)


@pytest.fixture
def audio(tmp_path):
    write_shards(tmp_path / "audio", CLIPS)
    return tmp_path / "audio"


def files(store):
    return {path.name: path.stat().st_ino for path in store.root.glob("net-inputs/??/*")}


def test_clips_are_what_the_front_end_makes_of_them(audio, store):
    inputs = prepare(audio, FrontEnd(), store=store, workers=1)
    ids = sorted(CLIPS, reverse=True)
    clips = inputs.rows(ids)
    assert len(clips) == 6
    for utterance_id, clip, length in zip(ids, clips, clips.lengths, strict=True):
        np.testing.assert_array_equal(clip, FrontEnd()(np.float32(CLIPS[utterance_id]) / 32768))
        assert len(clip) == length == 1 + len(CLIPS[utterance_id]) // 160
    np.testing.assert_array_equal(clips[np.array([4, 1])][1], clips[1])
    assert (inputs.names, dict(inputs.params)) == (("log_mel",), asdict(FrontEnd()))


def test_log_mel_is_that_of_the_features():
    settings = params.get(yaml.safe_load((ROOT / "params.yaml").read_text()), "featurize", FeaturizeParams)
    _, log_mel_db = FeatureExtractor(settings).extract(CLIPS["u1/1"])
    own = FrontEnd()(np.float32(CLIPS["u1/1"]) / 32768)
    np.testing.assert_allclose(own, log_mel_db.astype(np.float32), rtol=2**-10, atol=1e-4)  # kept as float16


@pytest.mark.parametrize("samples", [np.zeros(1), np.zeros(16000), np.ones(3), np.full(1600, -1.0)])
def test_log_mel_of_hardly_anything(samples):
    frames = FrontEnd()(samples.astype(np.float32))
    assert frames.shape == (1 + len(samples) // 160, 64)
    assert np.isfinite(frames).all()


def test_nothing_is_made_twice_nor_differently_by_more_workers(audio, store, tmp_path):
    one = prepare(audio, FrontEnd(), store=store, workers=1, augmentation=AUGMENTED)
    made = files(store)
    assert prepare(audio, FrontEnd(), store=store, workers=1, augmentation=AUGMENTED).digest == one.digest
    assert files(store) == made
    other = type(store)(tmp_path / "other")
    assert prepare(audio, FrontEnd(), store=other, workers=2, augmentation=AUGMENTED).digest == one.digest
    assert files(other).keys() == made.keys()
    # Evaluation, which needs no augmented versions, finds what training has made of the clips themselves.
    prepare(audio, FrontEnd(), store=store, workers=1)
    assert files(store) == made


def test_other_settings_or_other_audio_are_made_anew(audio, store):
    digests = {prepare(audio, end, store=store, workers=1).digest for end in (FrontEnd(), FrontEnd(mel_bands=40))}
    write_shards(audio, CLIPS | {"u2/1": CLIPS["u2/1"][::-1]})
    digests.add(prepare(audio, FrontEnd(), store=store, workers=1).digest)
    assert len(digests) == 3


def test_a_damaged_entry_is_made_again(audio, store, capsys):
    before = prepare(audio, FrontEnd(), store=store, workers=1)
    clip = before.rows(["u0/0"])[0].copy()
    victim = next(store.root.glob("net-inputs/??/*/values.f32"))
    victim.write_bytes(victim.read_bytes()[:-4] + b"oops")
    after = prepare(audio, FrontEnd(), store=store, workers=1)
    assert "damaged" in capsys.readouterr().err
    assert after.digest == before.digest
    np.testing.assert_array_equal(after.rows(["u0/0"])[0], clip)


def test_versions_differ_from_each_other_and_are_the_same_for_the_same_seed(audio, store):
    assert PARAMS.variants == 2

    def versions(seed):
        augmentation = replace(AUGMENTED, seed=seed)
        clips = prepare(audio, FrontEnd(), store=store, workers=1, augmentation=augmentation).rows(["u2/1", "u0/0"])
        return [clips.version(number, version).tobytes() for number in range(2) for version in range(3)]

    first = versions(1)
    assert len(set(first)) == 6
    assert versions(1) == first
    assert set(versions(2)) & set(first) == {first[0], first[3]}  # the clips themselves


def test_versions_of_other_clips_do_not_matter(audio, store):
    fewer = replace(AUGMENTED, utterance_ids=frozenset(["u2/1"]))
    one, other = (
        prepare(audio, FrontEnd(), store=store, workers=1, augmentation=augmentation).rows(["u2/1"]).version(0, 1)
        for augmentation in (AUGMENTED, fewer)
    )
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_versions_with_another_pitch_are_drawn_for_the_targets_named(audio, store, share):
    """All others are those of every target, made once."""
    ids = list(CLIPS)

    def drawn(target, targets=("gender",)):
        setting = replace(PARAMS, variants=5, pitch=replace(PARAMS.pitch, share=share, targets=targets))
        augmentation = Augmentation(setting, frozenset(ids), seed=3, target=target)
        clips = prepare(audio, FrontEnd(), store=store, workers=1, augmentation=augmentation).rows(ids)
        numbers = [{clips.version(clip, number).tobytes(): number for number in range(6)} for clip in range(len(ids))]
        rng = np.random.default_rng(0)
        return [{numbers[clip][clips.drawn(clip, rng).tobytes()] for _ in range(100)} for clip in range(len(ids))]

    everything = [set(range(6))] * len(ids)
    assert drawn("gender") == drawn("age", ("age", "gender")) == everything
    made = files(store)
    for_age = drawn("age")
    assert drawn("gender", ()) == for_age
    assert files(store) == made
    if share in (0.0, 1.0):
        assert for_age == (everything if share == 0 else [{0}] * len(ids))
    else:
        assert all(0 in some for some in for_age)
        assert 8 < sum(len(some) - 1 for some in for_age) < 22, "of 30, about half"


def test_a_clip_without_augmented_versions_is_named(audio, store):
    inputs = prepare(audio, FrontEnd(), store=store, workers=1, augmentation=AUGMENTED)
    with pytest.raises(DataError, match="u1/0 has no augmented version"):
        inputs.rows(["u1/0"]).version(0, 1)


def test_a_front_end_of_fixed_length_sees_random_stretches_of_augmented_versions(audio, store):
    inputs = prepare(audio, Fixed(), store=store, workers=1, augmentation=AUGMENTED)
    clips = inputs.rows(["u0/0", "u2/1"])
    assert clips[0].shape == (40, 40)
    assert list(clips.lengths) == [1, 1]
    np.testing.assert_array_equal(clips[1].ravel(), np.float32(CLIPS["u2/1"][:1600]) / 32768)


def test_an_unknown_clip_and_no_audio(audio, store, tmp_path):
    inputs = prepare(audio, FrontEnd(), store=store, workers=1)
    with pytest.raises(DataError, match="u9/0 is in no shard"):
        inputs.rows(["u0/0", "u9/0"])
    with pytest.raises(DataError, match="part-"):
        prepare(tmp_path / "nothing", FrontEnd(), store=store, workers=1)


def test_a_shard_without_clips(tmp_path, store):
    write_shards(tmp_path / "audio", {"u0/0": CLIPS["u0/0"]}, shards=2)
    inputs = prepare(tmp_path / "audio", FrontEnd(), store=store, workers=1)
    assert len(inputs.rows(["u0/0"])[0]) == 41


def test_what_is_not_finite_is_an_error(audio, store):
    class Broken(Fixed):
        def __call__(self, samples):
            return np.full((40, 40), np.nan, np.float32)

    with pytest.raises(DataError, match=r"u0/0 in .*part-0000\.parquet: fixed makes what is not finite"):
        prepare(audio, Broken(), store=store, workers=1)


def test_a_front_end_by_its_name():
    assert front_end_of("log_mel", {**asdict(FrontEnd()), "mel_bands": 40}) == FrontEnd(mel_bands=40)
