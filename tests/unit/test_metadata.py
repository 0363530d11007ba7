"""From the texts of submissions to a row per clip: speakers, reconciled labels, counts, the review list."""

from dataclasses import replace

import pandas as pd
import pytest

from support.readmes import Readme
from voicetraits.errors import DataError, ParameterError
from voicetraits.labels import Stated
from voicetraits.metadata import SCHEMA, MetadataParams, build_metadata, reconcile
from voicetraits.params import get
from voicetraits.submission_texts import read_submission

PARAMS = MetadataParams(age_bins="groups", youth_below_years=18, senior_from_years=65, exclude=())
FEMALE, MALE, OTHER = Stated("female"), Stated("male"), Stated("other")
YOUTH, ADULT = Stated("youth"), Stated("adult", band="18 - 29")
BLANK, UNREAD = Stated(), Stated(problem="no rule reads it")


def submission(archive: str, readme: Readme | bytes | None = None, **more):
    row = {"archive": archive, "prompts": None, "prompts_original": None, "licence": None, "audio_members": ["a1"]}
    return row | {"readme": readme.render() if isinstance(readme, Readme) else readme} | more


def build(*submissions, clips=None, sources=None, exclude=()):
    if clips is None:
        clips = [(f"{row['archive']}/{name}", row["archive"]) for row in submissions for name in row["audio_members"]]
    frame = pd.DataFrame(clips, columns=["utterance_id", "archive"])
    return build_metadata(
        submissions, frame, replace(PARAMS, exclude=exclude), corpus="voxforge", sources=sources or {}
    )


def rows(metadata) -> dict[str, dict]:
    return {row["archive"]: row for row in metadata.clips.to_pylist()}


@pytest.mark.parametrize(
    ("stated", "labels", "filled", "several"),
    [
        ([MALE], ["male"], 0, False),
        ([MALE, BLANK, MALE], ["male", "male", "male"], 1, False),
        ([BLANK, BLANK], [None, None], 0, False),
        ([MALE, FEMALE, BLANK], [None, None, None], 0, True),
        ([MALE, UNREAD, BLANK], ["male", None, "male"], 1, False),
        ([OTHER], [None], 0, False),
        ([OTHER, BLANK], [None, None], 0, False),
        ([OTHER, MALE, BLANK], [None, None, None], 0, True),
    ],
)
def test_gender_of_a_speaker(stated, labels, filled, several):
    result = reconcile(stated, "gender")
    assert (result.labels, result.filled, result.several) == (labels, filled, several)


@pytest.mark.parametrize(
    ("stated", "labels", "filled", "several"),
    [
        ([ADULT, BLANK], ["adult", "adult"], 1, False),
        ([YOUTH, ADULT, BLANK], ["youth", "adult", None], 0, True),
        ([ADULT, UNREAD], ["adult", None], 0, False),
    ],
)
def test_age_of_a_speaker(stated, labels, filled, several):
    result = reconcile(stated, "age")
    assert (result.labels, result.filled, result.several) == (labels, filled, several)


def test_one_clip():
    licence = "Copyright 2008\nFree Software"
    metadata = build(
        submission(
            "Aaron-20080318-kdl",
            Readme(
                gender="[Männlich];",
                age="13 – 17",
                more={"Native Speaker": "No", "  first language": "French;", "Recording Location": "not selected"},
                encoding="cp1252",
            ),
            prompts=b"Aaron-20080318-kdl/mfc/a1 HELLO\nAaron-20080318-kdl/mfc/a2 YOU\n",
            prompts_original=b"a1 Hello!\n",
            licence=licence.encode(),
        ),
        sources={"fsf": "Free Soft"},
    )
    assert metadata.clips.schema == SCHEMA
    assert metadata.clips.to_pylist() == [
        {
            "utterance_id": "Aaron-20080318-kdl/a1",
            "speaker_id": "Aaron",
            "corpus": "voxforge",
            "source": "fsf",
            "archive": "Aaron-20080318-kdl",
            "gender": "male",
            "gender_raw": "[Männlich];",
            "age_group": "youth",
            "age_band": "13 - 17",
            "age_years": None,
            "age_raw": "13 – 17",
            "language": "EN",
            "native_speaker": False,
            "first_language": "French",
            "dialect": "New Zealand English",
            "sub_dialect": None,
            "microphone_make": None,
            "microphone_type": "Headset mic",
            "recording_location": None,
            "background_noise": None,
            "noise_volume": None,
            "noise_type": None,
            "transcript": "Hello!",
            "licence": licence,
        }
    ]
    assert metadata.review.empty


def test_age_in_years():
    row = rows(build(submission("a-20080101-b", Readme(age="66"))))["a-20080101-b"]
    assert (row["age_group"], row["age_years"], row["age_band"]) == ("senior", 66, None)


@pytest.mark.parametrize(
    ("archive", "user_name", "speaker_id"),
    [
        ("Aaron-20080318-kdl", "Aaron", "Aaron"),
        ("Aaron-20080318-kdl", "  Aaron ; ", "Aaron"),
        ("aaron-20080318-kdl", "Aaron", "Aaron"),
        ("Aaron-20080318-kdl-vf1", "", "Aaron"),
        ("Aaron-20080318-kdl", None, "Aaron"),
        ("Mary-Ann-20080318b-kdl", None, "Mary-Ann"),
        ("bob-123456789-20080318-kdl", None, "bob-123456789"),
        ("anonymous-20080318-kdl", "anonymous", "anonymous-20080318-kdl"),
        ("anonyme-20080318-kdl", "Anonyme", "anonyme-20080318-kdl"),
        ("anonymous-20080318-kdl", None, "anonymous-20080318-kdl"),
        ("anonymous-20080318-kdl", "", "anonymous-20080318-kdl"),
        ("x-20080318-kdl", "匿名", "x-20080318-kdl"),
        ("somearchive", None, "somearchive"),
        ("somearchive", "007", "007"),
    ],
)
def test_speakers(archive, user_name, speaker_id):
    readme = None if user_name is None else Readme(user_name=user_name)
    assert rows(build(submission(archive, readme)))[archive]["speaker_id"] == speaker_id


def test_an_archive_named_after_another_user_is_counted_and_reviewed():
    metadata = build(
        submission("bob-20080318-kdl", Readme(user_name="Aaron")),
        submission("anonyme-20080318-kdl", Readme(user_name="anonymous")),
        submission("mary_ann-20080318-kdl", Readme(user_name="Mary-Ann")),
    )
    assert metadata.metrics["submissions"]["with_other_user_name_in_archive_name"] == 1
    assert metadata.review.to_dict("records") == [
        {
            "archive": "bob-20080318-kdl",
            "field": "user_name",
            "raw": "Aaron",
            "problem": "the archive's name begins with another user name",
        }
    ]


def test_missing_and_empty_readmes():
    metadata = build(
        submission("a-20080101-b", None),
        submission("c-20080101-d", b""),
        submission("e-20080101-f", b"\xff\xfe nothing"),
        submission("a-20080102-b", Readme(user_name="a", gender="Female")),
    )
    assert [row["gender"] for row in rows(metadata).values()] == ["female", "female", None, None]
    assert metadata.metrics["submissions"]["without_readme"] == 1
    assert metadata.metrics["submissions"]["with_unreadable_readme"] == 2
    assert metadata.review[["archive", "field", "problem"]].to_numpy().tolist() == [
        ["a-20080101-b", "readme", "there is none"],
        ["c-20080101-d", "readme", "no field of it could be read"],
        ["e-20080101-f", "readme", "no field of it could be read"],
    ]


def test_what_cannot_be_read_is_null_and_reviewed_with_its_raw_text():
    metadata = build(
        submission("a-20080101-b", Readme(user_name="a", gender="M?nnlich", age="60 - 69")),
        submission("a-20080102-b", Readme(user_name="a", gender="Male", age="Adult", more={"Native Speaker": "maybe"})),
        submission("a-20080103-b", Readme(user_name="a", gender="Please Select", age="")),
    )
    by_archive = rows(metadata)
    assert [row["gender"] for row in by_archive.values()] == [None, "male", "male"]
    assert [row["gender_raw"] for row in by_archive.values()] == ["M?nnlich", "Male", "Please Select"]
    assert [row["age_group"] for row in by_archive.values()] == [None, "adult", "adult"]
    assert [row["age_raw"] for row in by_archive.values()] == ["60 - 69", "Adult", None]
    assert metadata.review.to_numpy().tolist() == [
        ["a-20080101-b", "age", "60 - 69", "a band over more than one age group"],
        ["a-20080101-b", "gender", "M?nnlich", "no rule reads it"],
        ["a-20080102-b", "native_speaker", "maybe", "no rule reads it"],
    ]
    gender = metadata.metrics["gender"]
    assert (gender["unreadable"], gender["unstated"], gender["filled"]) == (1, 1, 1)
    assert gender["male"] == {"clips": 2, "speakers": 1, "submissions": 2}
    assert gender["none"] == {"clips": 1, "speakers": 1, "submissions": 1}


def test_two_genders_leave_none_and_are_reviewed():
    metadata = build(
        submission("a-20080101-b", Readme(user_name="a", gender="Male")),
        submission("a-20080102-b", Readme(user_name="a", gender="Weiblich")),
        submission("a-20080103-b", Readme(user_name="a", gender="unknown")),
    )
    assert {row["gender"] for row in rows(metadata).values()} == {None}
    assert metadata.metrics["gender"]["speakers_stating_several"] == 1
    assert metadata.review.to_numpy().tolist() == [
        ["a-20080101-b", "gender", "Male", "the speaker states female and male"],
        ["a-20080102-b", "gender", "Weiblich", "the speaker states female and male"],
    ]


def test_two_genders_within_one_readme_leave_none_to_the_speaker():
    metadata = build(
        submission("a-20080101-b", b"User Name: a\nGender: Male\nAge Range: Adult\nGender: Female\n"),
        submission("a-20080102-b", Readme(user_name="a", gender="Male")),
        submission("a-20080103-b", Readme(user_name="a", gender="")),
        submission("c-20080104-d", b"User Name: c\nGender: Male\nGender: Please Select\n"),
        submission("c-20080105-d", Readme(user_name="c", gender="Female")),
    )
    genders = {archive: row["gender"] for archive, row in rows(metadata).items()}
    assert genders == dict.fromkeys(genders, None) | {"c-20080105-d": "female"}
    assert metadata.metrics["gender"]["speakers_stating_several"] == 1
    assert metadata.review.to_numpy().tolist() == [
        ["a-20080101-b", "gender", "Male | Female", "it states several"],
        ["a-20080102-b", "gender", "Male", "the speaker states female and male"],
        ["c-20080104-d", "gender", "Male | Please Select", "it states several"],
    ]


@pytest.mark.parametrize(
    ("readme", "raw"),
    [
        ("User Name:bob\nПол: Мужчина\nAge Range: Adult\n".encode("cp1251"), "unread: Ïîë: Ìóæ÷èíà"),
        (b"User Name:bob\nGender:\n  Male\nAge Range: Adult\nSampling Rate: 48000\n", "unread: Male"),
        (b"User Name:bob\nGendre: Male;\nAge Range: Adult\n", "unread: Gendre: Male;"),
    ],
    ids=["another encoding", "a line of its own", "a misspelt key"],
)
def test_labels_in_lines_that_nobody_can_place_are_reviewed_and_not_filled(readme, raw):
    metadata = build(
        submission("bob-20080101-b", readme), submission("bob-20080102-b", Readme(user_name="bob", gender="Female"))
    )
    bob = rows(metadata)["bob-20080101-b"]
    assert (bob["gender"], bob["gender_raw"], bob["age_group"]) == (None, raw, "adult")
    problem = "no line says it in words that are known; these lines could not be placed"
    assert metadata.review.to_numpy().tolist() == [["bob-20080101-b", "gender", raw, problem]]
    assert (metadata.metrics["gender"]["unreadable"], metadata.metrics["gender"]["unstated"]) == (1, 0)


@pytest.mark.parametrize("line", ["Browser: Chrome 66: mobile", "Comment: hello"])
def test_a_blank_label_is_filled_whatever_other_lines_say(line):
    """The web app writes lines that have nothing to do with a label."""
    blank = f"User Name:bob\nGender:\nAge Range:\n{line}\n".encode()
    metadata = build(
        submission("bob-20080101-b", blank),
        submission("bob-20080102-b", Readme(user_name="bob", gender="Männlich", age="18 - 29")),
    )
    bob = rows(metadata)["bob-20080101-b"]
    assert (bob["gender"], bob["gender_raw"], bob["age_group"], bob["age_raw"]) == ("male", None, "adult", None)
    assert [metadata.metrics[target]["unreadable"] for target in ("gender", "age")] == [0, 0]


def test_lines_and_languages_that_nobody_can_place_are_reviewed():
    readme = b"User Name:bob\nGender: Male\nAge Range: Adult\nLanguage: ?????\nMicrofone type: Headset\n  Nice day!\n"
    metadata = build(submission("bob-20080101-b", readme), submission("eve-20080101-b", Readme(user_name="eve")))
    assert (rows(metadata)["bob-20080101-b"]["language"], rows(metadata)["eve-20080101-b"]["language"]) == (None, "EN")
    assert metadata.review.to_numpy().tolist() == [
        ["bob-20080101-b", "language", "?????", "it names no language"],
        ["bob-20080101-b", "readme", "Microfone type: Headset / Nice day!", "these lines could not be placed"],
    ]
    assert metadata.metrics["submissions"]["with_lines_of_no_known_key"] == 1


def test_two_ages_stay_with_their_submissions():
    metadata = build(
        submission("a-20080101-b", Readme(user_name="a", age="13 - 17")),
        submission("a-20120101-b", Readme(user_name="a", age="18 - 29")),
        submission("a-20130101-b", Readme(user_name="a", age="not selected")),
    )
    assert [row["age_group"] for row in rows(metadata).values()] == ["youth", "adult", None]
    assert metadata.metrics["age"]["speakers_stating_several"] == 1
    assert metadata.review.empty


def test_anonymous_submissions_are_not_reconciled():
    metadata = build(
        submission("anonymous-20080101-b", Readme(user_name="anonymous", gender="Male")),
        submission("anonymous-20080102-b", Readme(user_name="anonymous", gender="Female")),
        submission("anonymous-20080103-b", Readme(user_name="anonymous", gender="")),
    )
    assert [row["gender"] for row in rows(metadata).values()] == ["male", "female", None]
    assert metadata.metrics["speakers"] == {"named": 0, "anonymous": 3}


def test_a_submission_without_a_clip_still_tells_of_its_speaker():
    metadata = build(
        submission("a-20080101-b", Readme(user_name="a", gender="Male")),
        submission("a-20080102-b", Readme(user_name="a", gender="")),
        clips=[("a-20080102-b/a1", "a-20080102-b")],
    )
    assert [row["gender"] for row in metadata.clips.to_pylist()] == ["male"]
    assert metadata.metrics["submissions"]["in"] == 2
    assert metadata.metrics["submissions"]["with_clips"] == 1


def test_prompts_without_clips_and_clips_without_prompts_are_counted():
    metadata = build(
        submission(
            "a-20080101-b", Readme(), prompts_original=b"a1 One\na2 Two\na3 Three\n", audio_members=["a1", "a2", "a4"]
        ),
        clips=[("a-20080101-b/a1", "a-20080101-b"), ("a-20080101-b/a4", "a-20080101-b")],
    )
    assert metadata.metrics["prompts"] == {"in": 3, "without_audio": 1, "audio_set_aside": 1}
    assert metadata.metrics["clips"] == {"in": 2, "out": 2, "without_transcript": 1}


def test_the_first_source_that_fits_counts_and_the_corpus_is_the_source_of_the_rest():
    metadata = build(
        submission("a-20080101-b", licence=b"AN4 and GPL"),
        submission("b-20080101-b", licence="frei für alle, GPL".encode("latin-1")),
        submission("c-20080101-b", b"License: CC0\n"),
        submission("d-20080101-b", b"License: CC0\n", licence=b"MIT"),
        sources={"an4": "AN4", "gpl": "GPL", "cc": "^CC0$"},
    )
    assert [row["source"] for row in rows(metadata).values()] == ["an4", "gpl", "cc", "voxforge"]
    assert [row["licence"] for row in rows(metadata).values()] == ["AN4 and GPL", "frei für alle, GPL", "CC0", "MIT"]
    assert metadata.metrics["sources"]["gpl"] == {"clips": 1, "speakers": 1, "submissions": 1}


def test_the_order_of_rows_does_not_matter():
    submissions = [
        submission(f"{user}-2008010{day}-x", Readme(user_name=user, gender=gender), audio_members=["a2", "a1"])
        for day, (user, gender) in enumerate([("b", "Male"), ("a", ""), ("a", "Female"), ("c", "nonsense")], start=1)
    ]
    one, other = build(*submissions), build(*reversed(submissions))
    assert one.clips.equals(other.clips)
    assert one.review.equals(other.review)
    assert one.metrics == other.metrics
    assert one.clips["utterance_id"].to_pylist() == sorted(one.clips["utterance_id"].to_pylist())


def test_no_submission_at_all():
    metadata = build()
    assert metadata.clips.num_rows == 0
    assert metadata.clips.schema == SCHEMA
    assert metadata.review.columns.to_list() == ["archive", "field", "raw", "problem"]
    assert metadata.metrics["gender"]["female"] == {"clips": 0, "speakers": 0, "submissions": 0}


def test_inputs_that_do_not_belong_together():
    with pytest.raises(DataError, match=r"clips\.parquet names z-20080101-b, submissions.parquet does not; run"):
        build(submission("a-20080101-b"), clips=[("z-20080101-b/a1", "z-20080101-b")])
    with pytest.raises(DataError, match=r"clips\.parquet has a-20080101-b/a1 twice; run"):
        build(submission("a-20080101-b"), clips=[("a-20080101-b/a1", "a-20080101-b")] * 2)


def test_params():
    with pytest.raises(ParameterError, match=r"`metadata.senior_from_years` is 18; allowed: more than `metadata.youth"):
        section = {"age_bins": "groups", "youth_below_years": 18, "senior_from_years": 18, "exclude": []}
        get({"metadata": section}, "metadata", MetadataParams)
    with pytest.raises(ParameterError, match=r"`metadata.age_bins` is 'years'; allowed: 'groups' or 'decades'"):
        get({"metadata": section | {"age_bins": "years"}}, "metadata", MetadataParams)
    with pytest.raises(ParameterError, match=r"`corpora.voxforge.sources.x` is '\['; allowed: a regular expression"):
        build(submission("a-20080101-b"), sources={"x": "["})


def test_what_a_submission_says_of_itself():
    read = read_submission(
        submission(
            "a-20080101-b", Readme(user_name="a", more={"Language": "pt_br", "Pronunciation dialect": "unknown"})
        ),
        corpus="voxforge",
        youth_below_years=18,
        senior_from_years=65,
    )
    assert (read.language, read.describe("dialect"), read.describe("noise_type")) == ("PT_BR", None, None)
    assert read.speaker_id == "a"
    assert read.problems() == []


def test_decades():
    """Each age that can be placed becomes a class; the counts name all six."""
    ages = {"a": "teens", "b": "twenties", "c": "35", "d": "40 - 49", "e": "> 75", "f": "Adult", "g": "18 - 29"}
    submissions = [submission(f"{name}-20080101-x", Readme(user_name=name, age=age)) for name, age in ages.items()]
    params = MetadataParams(age_bins="decades", youth_below_years=18, senior_from_years=65, exclude=())
    clips = pd.DataFrame(
        [(f"{row['archive']}/a1", row["archive"]) for row in submissions], columns=["utterance_id", "archive"]
    )
    metadata = build_metadata(submissions, clips, params, corpus="voxforge", sources={})
    found = metadata.clips.to_pandas().set_index("speaker_id")["age_group"].dropna().to_dict()
    assert found == {"a": "<19", "b": "19-29", "c": "30-39", "d": "40-49", "e": "60+"}
    problems = metadata.review.set_index("raw")["problem"].to_dict()
    assert problems["Adult"] == "an age group, which tells no decade"
    assert problems["18 - 29"] == "a band over more than one age bin"
    counts = metadata.metrics["age"]
    assert list(counts)[:6] == ["<19", "19-29", "30-39", "40-49", "50-59", "60+"]
    assert (counts["50-59"]["clips"], counts["unreadable"]) == (0, 2)


# What a person has reviewed


def test_an_excluded_speaker_keeps_every_clip_and_no_label():
    several = [
        submission(f"Ann-2008010{day}-a", Readme(user_name="Ann", gender="female", age="adult")) for day in (1, 2)
    ]
    metadata = build(
        *several, submission("Bob-20080101-a", Readme(user_name="Bob", gender="male", age="adult")), exclude=("Ann",)
    )
    labels = {archive: (row["gender"], row["age_group"]) for archive, row in rows(metadata).items()}
    assert labels == {
        "Ann-20080101-a": (None, None), "Ann-20080102-a": (None, None), "Bob-20080101-a": ("male", "adult")
    }  # fmt: skip
    assert {row["gender_raw"] for row in rows(metadata).values()} == {"female", "male"}
    assert metadata.metrics["excluded"] == {"clips": 2, "speakers": 1, "submissions": 2}
    assert metadata.metrics["gender"]["none"]["clips"] == 2
    assert metadata.review[["archive", "field", "raw"]].to_numpy().tolist() == [
        ["Ann-20080101-a", "labels", "Ann"], ["Ann-20080102-a", "labels", "Ann"]
    ]  # fmt: skip


def test_an_excluded_archive_neither_contradicts_nor_is_filled():
    genders = {"Ann-20080101-a": "female", "Ann-20080102-b": "male", "Ann-20080103-c": ""}
    metadata = build(
        *(submission(name, Readme(user_name="Ann", gender=gender)) for name, gender in genders.items()),
        exclude=("Ann-20080102-b",),
    )
    assert [row["gender"] for row in rows(metadata).values()] == ["female", None, "female"]
    assert metadata.metrics["gender"]["speakers_stating_several"] == 0
    assert metadata.metrics["gender"]["filled"] == 1


def test_nobody_excluded():
    metadata = build(submission("Ann-20080101-a", Readme()))
    assert metadata.metrics["excluded"] == {"clips": 0, "speakers": 0, "submissions": 0}


@pytest.mark.parametrize(
    ("exclude", "message"),
    [
        (("Anne",), r"`metadata\.exclude` names 'Anne', which is no speaker .*; the closest are Ann,"),
        (("Ann", "Ann"), r"`metadata\.exclude` names 'Ann' twice"),
    ],
)
def test_names_to_exclude_that_cannot_be(exclude, message):
    with pytest.raises(ParameterError, match=message):
        build(*(submission(f"{name}-20080101-a", Readme(user_name=name)) for name in ("Ann", "Bob")), exclude=exclude)
