"""Several corpora as one: names, labels, limits, and settings that cannot be."""

from pathlib import Path
from typing import Any

import pytest

from support.corpora import archives_in, metadata_of, params_with, run_scrape
from support.layouts import audiomnist, librispeech, tarred
from support.project import Project
from support.submissions import submission
from voicetraits.errors import DataError, ParameterError
from voicetraits.opening import open_corpus
from voicetraits.store import Store


def part(corpus: str, **settings: Any) -> dict[str, Any]:
    """A corpus with the settings of params.yaml, less those that a mix has itself."""
    section = params_with(corpus)["corpora"][corpus]
    own = {key: value for key, value in section.items() if key not in ("limit", "sources", "max_failed_share")}
    return {"corpus": corpus} | own | settings


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """LibriSpeech and AudioMNIST as files, and a mirror of VoxForge."""
    (tmp_path / "train-clean-100.tar.gz").write_bytes(tarred(librispeech()))
    (tmp_path / "AudioMNIST.tar.gz").write_bytes(tarred(audiomnist()))
    (tmp_path / "voxforge").mkdir()
    for name in ("Aaron-20080318-kdl", "19-20080318-abc", "anonymous-20080318-xyz"):
        (tmp_path / f"voxforge/{name}.tgz").write_bytes(submission(name))
    return tmp_path


@pytest.fixture
def parts(folder: Path) -> list[dict[str, Any]]:
    return [
        part("librispeech", url=str(folder), genders=["female"]),
        part("voxforge", url=str(folder / "voxforge")),
        part("audiomnist", url=str(folder / "AudioMNIST.tar.gz"), limit=2),
    ]


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return tmp_path / "raw"


def test_archives_and_speakers_have_their_corpus_before_their_name(
    parts: list, raw: Path, store: Store, tmp_path: Path
) -> None:
    counts = run_scrape("mix", raw, store, of=parts)
    left_out = {"librispeech_speakers_beyond_genders": 3, "librispeech_clips_beyond_genders": 9}
    assert (counts["archives"], counts["left_out"]) == (8, left_out)
    metadata = metadata_of("mix", raw, tmp_path / "audio", store, of=parts)
    clips = metadata.clips.to_pandas()
    by_speaker = clips.groupby("speaker_id")[["corpus", "source", "gender"]].agg(lambda own: ", ".join(set(own)))
    rows = by_speaker.to_dict("index")
    assert rows["librispeech:19"] == {"corpus": "librispeech", "source": "librispeech", "gender": "female"}
    assert rows["voxforge:19"] == {"corpus": "voxforge", "source": "voxforge", "gender": "male"}
    assert "voxforge.anonymous-20080318-xyz" in rows
    assert len(rows) == 3 + 3 + 2
    assert "voxforge.19-20080318-abc/a0000" in set(clips["utterance_id"])
    assert not (metadata.review["field"] == "user_name").any()


def test_limits_of_a_corpus_and_of_all(parts: list, raw: Path, store: Store) -> None:
    run_scrape("mix", raw, store, of=parts)
    whole = archives_in(raw)
    run_scrape("mix", raw, store, of=parts, limit=4)
    assert len(archives_in(raw)) == 4
    assert archives_in(raw).items() < whole.items()
    assert sum(name.startswith("audiomnist.") for name in whole) == 2


def test_what_is_stored_by_a_corpus_alone_serves_the_mix(folder: Path, parts: list, project: Project) -> None:
    """In processes of their own, as stages are: each has loaded other modules."""
    project.set_params(corpus="librispeech", corpora__librispeech__url=str(folder))
    project.run("scrape")
    project.set_params(corpus="voxforge", corpora__voxforge__url=str(folder / "voxforge"))
    project.run("scrape")
    project.set_params(corpus="mix", corpora__mix__of=parts)
    done = project.run("scrape")
    assert "8 of 8 archives selected, 6 of them already stored; 2 to fetch" in done.stdout


def test_sources_of_a_mix(parts: list, raw: Path, store: Store, tmp_path: Path) -> None:
    run_scrape("mix", raw, store, of=parts)
    metadata = metadata_of("mix", raw, tmp_path / "audio", store, of=parts, sources={"free": "Free for all"})
    assert set(metadata.clips.to_pandas()["source"]) == {"librispeech", "free", "audiomnist"}


@pytest.mark.parametrize(
    ("of", "message"),
    [
        ([], r"`corpora.mix.of` is \[\]; allowed: 1 or more of them$"),
        ([{"url": "x"}], r"`corpora.mix.of.0.corpus` is missing"),
        ([{"corpus": "librispeach"}], r"`corpora.mix.of.0.corpus` is 'librispeach'; allowed: audiomnist, .*voxforge"),
        ([{"corpus": "mix"}], r"`corpora.mix.of.0.corpus` is 'mix'; allowed: each corpus once, no mix"),
        ([part("demo"), part("demo")], r"`corpora.mix.of.1.corpus` is 'demo'; allowed: each corpus once"),
        ([part("demo", sources={})], r"`corpora.mix.of.0.sources` is set; allowed: `corpora.mix.sources`"),
        ([part("demo", seed=-1)], r"`corpora.mix.of.0.seed` is -1"),
        (
            [part("demo", speaker=3)],
            r"unknown key `corpora.mix.of.0.speaker`; did you mean",
        ),
        ([{"corpus": "demo"}], r"`corpora.mix.of.0.speakers` is missing"),
        ([part("folder")], r"`corpora.mix.of.0.path` is not set"),
    ],
)
def test_settings_that_cannot_be(store: Store, of: list, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        open_corpus(params_with("mix", of=of), store)


def test_archives_that_cannot_be_had(folder: Path, parts: list, raw: Path, store: Store) -> None:
    (folder / "voxforge/Aaron-20080318-kdl.tgz").write_bytes(b"no gzip")
    with pytest.raises(DataError, match=r"1 of 8 archives cannot be had \(corpora.mix.max_failed_share"):
        run_scrape("mix", raw, store, of=parts)
    assert run_scrape("mix", raw, store, of=parts, max_failed_share=0.2)["archives_failed"] == 1
    assert "voxforge.Aaron-20080318-kdl.tgz" in (raw / "failed.csv").read_text()


def test_the_example_in_params_is_sound(store: Store) -> None:
    assert open_corpus(params_with("mix"), store).limit is None
