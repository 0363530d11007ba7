"""The embedded corpus: VoxForge-like archives of synthetic voices, made on the spot, the same bytes each time.

A plan is drawn first: who speaks, what each README looks like, what is wrong with which archive. Then each archive is
made from its `Submission` alone, so in any order and by any number of workers.

The voices come from a source-filter model (Fant 1960): glottal pulses and breath through the resonances of a vocal
tract, syllable by syllable, then a room and a microphone. Pitch, tract length, roughness, breathiness and pace are
drawn around published means for sex and age; all else (length, format, loudness, room, README) without a look at
either. What is learnt from these voices says nothing about people.
"""

import gzip
import io
import re
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property, partial
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

import numpy as np
import soundfile
from pydantic import Field
from scipy import fft, signal
from scipy.io import wavfile

from voicetraits.code import key_of
from voicetraits.corpus import Archive, Fetched
from voicetraits.files import sha256_of
from voicetraits.parallel import Workers, map_in_workers
from voicetraits.params import section
from voicetraits.store import Store, plain_key

RATE_HZ = 16000
CLIPS = 4  # in a submission
CLIP_SECONDS = (2.0, 4.0)
ARCHIVE_BYTES = 440_000  # on average, about


@section
class Params:
    """Section `corpora.demo` of params.yaml."""

    speakers: Annotated[int, Field(ge=8)]
    seed: Annotated[int, Field(ge=0)]
    limit: Annotated[int, Field(ge=1)] | None
    sources: dict[str, str]


def generator(*names: object) -> np.random.Generator:
    """A random generator that depends on the names alone."""
    return np.random.default_rng(int.from_bytes(sha256("/".join(map(str, names)).encode()).digest()))


# --- Voices -------------------------------------------------------------------------------------------------------

AGE_YEARS = {"youth": (13, 17), "adult": (18, 64), "senior": (65, 85)}
# Directions and rough sizes of what follows are published. The exact sizes are ours: clear enough to be learnt from a
# hundred speakers, and overlapping so much that nothing saturates.
#
# Mean F0 in Hz at an age in years. Men fall to their forties, then rise (Hollien & Shipp 1972), women fall (Stoicheff
# 1981), boys' voices break between 13 and 17 (Kent 1976).
MEAN_F0_HZ = {
    "male": ([13, 14, 15, 17, 25, 35, 45, 55, 65, 75, 85], [195, 170, 148, 128, 120, 112, 107, 115, 120, 132, 146]),
    "female": ([13, 14, 15, 17, 25, 35, 45, 55, 65, 75, 85], [238, 234, 230, 226, 224, 213, 216, 200, 199, 196, 188]),
}
# Formants relative to adult men's at an age in years: Hillenbrand et al. 1995 (women), Lee, Potamianos & Narayanan 1999
# (youth: all formants scale with the length of the vocal tract).
MEAN_FORMANT_SCALE = {
    "male": ([13, 15, 17, 20], [1.16, 1.08, 1.03, 1.0]),
    "female": ([13, 15, 17, 20], [1.22, 1.19, 1.175, 1.165]),
}
# Standard deviations of the logarithm: between speakers of one sex and age (F0 by 3.3 semitones: Traunmüller & Eriksson
# 1995 survey it), and between clips of one speaker (mood, effort, imitation).
F0_SPREAD, F0_CLIP_SPREAD = 0.19, 0.11
FORMANT_SPREAD, FORMANT_CLIP_SPREAD = 0.035, 0.015
# Means by age: jitter and shimmer as deviations relative to period and amplitude (the old are less steady: Wilcox &
# Horii 1980, Xue & Deliyski 2001), breath relative to voice (Ferrand 2002), pace (Shipp & Hollien 1972, Linville 2001).
JITTER = {"youth": 0.004, "adult": 0.005, "senior": 0.012}
SHIMMER = {"youth": 0.03, "adult": 0.03, "senior": 0.08}
ASPIRATION = {"youth": 0.05, "adult": 0.1, "senior": 0.3}
SYLLABLES_PER_SECOND = {"youth": 5.7, "adult": 5.0, "senior": 3.8}
QUALITY_SPREAD, PACE_SPREAD = 0.2, 0.08  # standard deviations of their logarithm between speakers


@dataclass(frozen=True)
class Voice:
    """How a speaker sounds: F0, formants relative to adult men's, quality, pace."""

    f0_hz: float
    formant_scale: float
    jitter: float
    shimmer: float
    aspiration: float
    open_quotient: float
    tilt_hz: float
    syllables_per_second: float


def draw_voice(gender: str, age_group: str, age_years: int, rng: np.random.Generator) -> Voice:
    """A speaker's voice, from the distributions above."""

    def around(mean: float, spread: float) -> float:
        return float(mean * np.exp(spread * np.clip(rng.standard_normal(), -2.5, 2.5)))

    breathy = 1.1 if gender == "female" else 1.0  # longer open phase, softer closure: Klatt & Klatt 1990
    return Voice(
        f0_hz=around(np.interp(age_years, *MEAN_F0_HZ[gender]), F0_SPREAD),
        formant_scale=around(np.interp(age_years, *MEAN_FORMANT_SCALE[gender]), FORMANT_SPREAD),
        jitter=around(JITTER[age_group], QUALITY_SPREAD),
        shimmer=around(SHIMMER[age_group], QUALITY_SPREAD),
        aspiration=around(ASPIRATION[age_group] * breathy, QUALITY_SPREAD),
        open_quotient=min(around(0.6 * breathy, 0.1), 0.9),
        tilt_hz=around(2500 / breathy, 0.3),
        syllables_per_second=around(SYLLABLES_PER_SECOND[age_group], PACE_SPREAD),
    )


def vary_voice(voice: Voice, rng: np.random.Generator) -> Voice:
    """The voice in one clip; its f0_hz is the clip's median."""
    f0, formants = np.exp(rng.standard_normal(2) * [F0_CLIP_SPREAD, FORMANT_CLIP_SPREAD])
    return replace(voice, f0_hz=float(voice.f0_hz * f0), formant_scale=float(voice.formant_scale * formants))


# --- Speech -------------------------------------------------------------------------------------------------------

# A row a sound: length relative to a vowel's, voice, noise, centre of the noise in Hz, F1 to F4 in Hz of an adult man.
# Vowels: Hillenbrand et al. 1995, table V; consonants: after Klatt 1980, a stop as closure and burst.
VOWELS = np.array([
    (1, 1, 0, 4000, *formants) for formants in (
        (342, 2322, 3000, 3657), (427, 2034, 2684, 3618), (476, 2089, 2691, 3649), (580, 1799, 2605, 3677),
        (588, 1952, 2601, 3624), (768, 1333, 2522, 3687), (652, 997, 2538, 3486), (497, 910, 2459, 3384),
        (469, 1122, 2434, 3400), (378, 997, 2343, 3357), (623, 1200, 2550, 3557), (474, 1379, 1710, 3334),
    )
], float)  # fmt: skip
CONSONANTS = [np.array(sounds, float) for sounds in (
    [(0.5, 0.4, 0, 4000, 300, 1100, 2200, 3400)],  # m
    [(0.5, 0.4, 0, 4000, 300, 1500, 2500, 3400)],  # n
    [(0.5, 0.6, 0, 4000, 330, 1050, 2700, 3400)],  # l
    [(0.5, 0.5, 0, 4000, 330, 1060, 1500, 3200)],  # r
    [(0.8, 0, 0.5, 5800, 320, 1400, 2530, 3600)],  # s
    [(0.8, 0, 0.5, 2900, 300, 1840, 2750, 3500)],  # sh
    [(0.7, 0, 0.2, 4500, 340, 1100, 2080, 3400)],  # f
    [(0.6, 0.3, 0.2, 5500, 300, 1400, 2500, 3500)],  # z
    [(0.5, 0, 0, 1200, 400, 1100, 2150, 3400), (0.2, 0, 0.5, 1200, 400, 1100, 2150, 3400)],  # p
    [(0.5, 0, 0, 4500, 400, 1600, 2600, 3400), (0.2, 0, 0.6, 4500, 400, 1600, 2600, 3400)],  # t
    [(0.4, 0.2, 0, 2000, 250, 1700, 2350, 3400), (0.2, 0.3, 0.4, 2000, 250, 1700, 2350, 3400)],  # g
)]  # fmt: skip
PAUSE = np.array([(1, 0, 0, 4000, 500, 1500, 2500, 3500)], float)
SYLLABLE_LENGTH = 1.75  # of an average syllable, relative to a vowel's
CODAS = 5  # the first consonants may also close a syllable
TOKEN_SPREAD = 0.04  # of the logarithm of a sound's formants from one time to the next
BANDWIDTHS_HZ = (70, 90, 130, 200, 300, 400)  # of F1 to F6
HIGHER_FORMANTS_HZ = (4500, 5500)  # F5 and F6: those of a uniform tract

STEP = 64  # samples between the points of a control track
WINDOW = 512  # samples in which the tract stands still; windows overlap by half
TAIL = 512  # samples in which its resonances die away


def babble(voice: Voice, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Random syllables in groups between pauses: rows as above, with lengths in seconds."""
    before, after = rng.uniform(0.15, 0.35, 2)
    syllable_seconds, length, until_pause = 1 / voice.syllables_per_second, before, rng.integers(5, 10)
    rows = [PAUSE * [before, *[1] * 7]]
    while length < seconds - after - syllable_seconds / 2:
        if until_pause == 0:
            sounds = PAUSE * [rng.uniform(0.8, 1.8) * syllable_seconds, *[1] * 7]
            until_pause = rng.integers(5, 10)
        else:
            parts = [CONSONANTS[rng.integers(len(CONSONANTS))], VOWELS[[rng.integers(len(VOWELS))]]]
            parts += [CONSONANTS[rng.integers(CODAS)]] if rng.random() < 0.3 else []
            sounds = np.concatenate(parts)
            sounds[:, 0] *= syllable_seconds / SYLLABLE_LENGTH * rng.uniform(0.75, 1.3)
            sounds[:, 4:] *= np.exp(TOKEN_SPREAD * rng.standard_normal((len(sounds), 4)))
            until_pause -= 1
        rows.append(sounds)
        length += sounds[:, 0].sum()
    return np.concatenate([*rows, PAUSE])


def speak(sounds: np.ndarray, voice: Voice, samples: int, rng: np.random.Generator) -> np.ndarray:
    """Rows of sounds as samples at 16 kHz; the last sound goes on to the end."""
    grid = np.arange(0, samples + STEP, STEP)
    current = np.searchsorted(np.cumsum(sounds[:-1, 0]), grid / RATE_HZ, "right")
    levels = smooth(sounds[current, 1:3], 0.03)
    tract = np.exp(smooth(np.log(sounds[current, 3:]), 0.07)) * [1, *[voice.formant_scale] * 4]
    f0_hz = intonation(voice.f0_hz, sounds[current, 1] == 1, rng)
    f0_hz, voicing, hissing = (np.interp(np.arange(samples), grid, track) for track in (f0_hz, *levels.T))
    flow, pulses = glottal_source(f0_hz, voice, rng)
    white = rng.standard_normal(samples, np.float32)
    breath = 0.04 * voice.aspiration * (0.4 + flow) * white  # 0.04: at an aspiration of 1 about as strong as the pulses
    return through_tract(voicing * (pulses + breath), hissing * white, tract[:: WINDOW // 2 // STEP], voice)


def smooth(tracks: np.ndarray, seconds: float) -> np.ndarray:
    """Control tracks (columns) under a Hann window: articulators have inertia."""
    window = signal.windows.hann(int(seconds * RATE_HZ / STEP) | 1)[:, None]
    padded = np.pad(tracks, ((len(window) // 2, len(window) // 2), (0, 0)), mode="edge")
    return signal.convolve(padded, window / window.sum(), mode="valid", method="direct")


def intonation(median_hz: float, vowel: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """F0 at the points of the control track: it falls, with accents, around its median in vowels."""
    accents = smooth(rng.standard_normal((len(vowel), 1)), 0.3)[:, 0]
    shape = np.linspace(1, -1, len(vowel)) * rng.uniform(0.04, 0.12) + accents / accents.std() * rng.uniform(0.04, 0.1)
    return median_hz * np.exp(shape - np.median(shape[vowel]))


def glottal_source(f0_hz: np.ndarray, voice: Voice, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Glottal flow at each sample, and its derivative: pulses of type C of Rosenberg 1971, with jitter and shimmer.

    The derivative is taken by differences: so it is an average over each sample, which keeps aliasing down.
    """
    cycles = np.cumsum(f0_hz / RATE_HZ)
    starts = np.interp(np.arange(int(cycles[-1]) + 2), cycles, np.arange(len(cycles)))
    periods = np.diff(starts) * (1 + voice.jitter * rng.standard_normal(len(starts) - 1))
    phase = np.interp(np.arange(len(f0_hz)), np.cumsum(periods), np.arange(len(periods)))
    cycle = phase.astype(int)
    at, opening, closing = phase - cycle, voice.open_quotient * 2 / 3, voice.open_quotient / 3
    falling = np.cos(np.pi / 2 * np.minimum((at - opening) / closing, 1))
    flow = np.where(at < opening, (1 - np.cos(np.pi * at / opening)) / 2, falling)
    flow *= (1 + voice.shimmer * rng.standard_normal(len(periods)))[cycle]
    return flow, np.diff(flow, prepend=0.0)


def through_tract(voiced: np.ndarray, noise: np.ndarray, tract: np.ndarray, voice: Voice) -> np.ndarray:
    """Filter the voiced source by the formants and the noise by a resonance of its own, by overlap-add.

    Args:
        tract: for each window the centre of the noise and F1 to F4 in Hz, of shape (windows, 5).
    """
    size = WINDOW + TAIL
    delay = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size).astype(np.complex64)  # of one sample, by frequency
    pole = np.float32(np.exp(-2 * np.pi * voice.tilt_hz / RATE_HZ))
    formants = (1 - pole) / (1 - pole * delay)
    fixed = [np.array([hz * voice.formant_scale]) for hz in HIGHER_FORMANTS_HZ]
    for centre_hz, bandwidth_hz in zip((*tract.T[1:], *fixed), BANDWIDTHS_HZ, strict=True):
        formants = formants * resonance(centre_hz, bandwidth_hz, delay)
    hiss = 0.1 * (1 - delay) * resonance(tract[:, 0], 0.3 * tract[:, 0] + 300, delay)
    taper = signal.windows.hann(WINDOW, sym=False).astype(np.float32)
    spectra = np.zeros((len(tract), len(delay)), np.complex64)
    for source, response in ((voiced, formants), (noise, hiss)):
        padded = np.pad(source.astype(np.float32), (WINDOW // 2, WINDOW))
        frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[:: WINDOW // 2][: len(tract)]
        spectra += fft.rfft(frames * taper, size) * response
    pieces = fft.irfft(spectra, size).reshape(len(tract), -1, WINDOW // 2)
    output = np.zeros((len(tract) + pieces.shape[1], WINDOW // 2), np.float32)
    for part in range(pieces.shape[1]):
        output[part : part + len(tract)] += pieces[:, part]
    return output.ravel()[WINDOW // 2 :][: len(voiced)]


def resonance(centre_hz: np.ndarray, bandwidth_hz: np.ndarray | float, delay: np.ndarray) -> np.ndarray:
    """Response, of shape (windows, frequencies), of a resonator with unit gain at 0 Hz (Klatt 1980)."""
    radius = np.exp(-np.pi * bandwidth_hz / RATE_HZ)
    first = (-2 * radius * np.cos(2 * np.pi * centre_hz / RATE_HZ)).astype(np.float32)[:, None]
    second = np.broadcast_to(radius**2, centre_hz.shape).astype(np.float32)[:, None]
    return (1 + first + second) / (1 + delay * (first + second * delay))


# --- Recordings ---------------------------------------------------------------------------------------------------

# Container, sample format, rate in Hz, channels; the first is the usual one.
FORMATS = (
    ("WAV", "PCM_16", 16000, 1), ("FLAC", "PCM_16", 16000, 1), ("WAV", "PCM_16", 48000, 1), ("WAV", "PCM_16", 44100, 2),
    ("WAV", "PCM_24", 16000, 1), ("WAV", "FLOAT", 48000, 1), ("WAV", "PCM_16", 8000, 1),
)  # fmt: skip


# What is drawn evenly for each submission's room and microphone. Levels in dB: the echo's relative to the direct sound,
# the noise's relative to the speech, the speech's relative to full scale.
EQUIPMENT = {
    "reverberation_seconds": (0.1, 0.4),
    "echo_db": (-16, -6),
    "low_hz": (30, 120),
    "high_hz": (5000, 7800),
    "noise_db": (-50, -28),
    "level_db": (-30, -18),
}


def draw_clip(submission: "Submission", number: int, seed: int) -> tuple[Voice, float, np.random.Generator]:
    """The voice in one clip of a submission, the clip's length in seconds, and the generator to go on with."""
    rng = generator(seed, submission.name, number)
    return vary_voice(submission.voice, rng), rng.uniform(*CLIP_SECONDS), rng


def draw_equipment(submission: "Submission", seed: int) -> dict[str, float]:
    """Room and microphone of a submission."""
    rng = generator(seed, submission.name, "equipment")
    return {name: rng.uniform(*bounds) for name, bounds in EQUIPMENT.items()}


def render_clip(submission: "Submission", number: int, seed: int) -> np.ndarray:
    """One clip of a submission: float32 samples at 16 kHz, within -1 to 1."""
    voice, seconds, rng = draw_clip(submission, number, seed)
    speech = speak(babble(voice, seconds, rng), voice, int(seconds * RATE_HZ), rng)
    return record(speech, draw_equipment(submission, seed), rng)


def record(speech: np.ndarray, equipment: dict[str, float], rng: np.random.Generator) -> np.ndarray:
    """Speech in a room whose echo dies away, with noise, through a microphone that lets a band pass."""
    seconds = np.arange(int(equipment["reverberation_seconds"] * RATE_HZ)) / RATE_HZ
    room = rng.standard_normal(len(seconds)) * 10 ** (-3 * seconds / equipment["reverberation_seconds"])
    room *= 10 ** (equipment["echo_db"] / 20) / np.sqrt((room**2).sum())
    room[0] = 1
    size = fft.next_fast_len(len(speech) + len(room), real=True)
    hz = np.maximum(fft.rfftfreq(size, 1 / RATE_HZ), 1)
    microphone = 1 / (1 + (equipment["low_hz"] / hz) ** 4) / (1 + (hz / equipment["high_hz"]) ** 8)
    noise = rng.standard_normal(len(speech), np.float32) * (10 ** (equipment["noise_db"] / 20) * speech.std())
    room, noise = room.astype(np.float32), noise.astype(np.float32)
    spectrum = fft.rfft(speech, size) * fft.rfft(room, size) + fft.rfft(noise, size)
    recorded = fft.irfft((spectrum * microphone).astype(np.complex64), size)[: len(speech)]
    return np.clip(recorded * (10 ** (equipment["level_db"] / 20) / recorded.std()), -0.999, 0.999)


def audio_file(samples: np.ndarray, audio_format: tuple[str, str, int, int] = FORMATS[0]) -> bytes:
    """A file of one of FORMATS, from samples at its rate."""
    container, sample_format, rate_hz, channels = audio_format
    file = io.BytesIO()
    if sample_format == "FLOAT":  # to which libsndfile would add the time
        wavfile.write(file, rate_hz, samples.astype(np.float32))
    else:
        soundfile.write(file, np.repeat(samples[:, None], channels, 1), rate_hz, sample_format, format=container)
    return file.getvalue()


def clip_file(submission: "Submission", number: int, seed: int) -> bytes:
    """One clip of a submission as a file."""
    rate_hz, samples = submission.audio_format[2], render_clip(submission, number, seed)
    if rate_hz != RATE_HZ:
        divisor = np.gcd(rate_hz, RATE_HZ)
        samples = np.clip(signal.resample_poly(samples, rate_hz // divisor, RATE_HZ // divisor), -0.999, 0.999)
    return audio_file(samples, submission.audio_format)


# --- Texts --------------------------------------------------------------------------------------------------------

# What the older submission app offers: the label of gender, male, female, the label of age, youth, adult, senior,
# unknown, please select.
OLDER_APP = {
    "en": "Gender,Male,Female,Age Range,Youth,Adult,Senior,unknown,Please Select",
    "bg": "Пол,Мъж,Жена,Възраст,Младеж/Девойка,Възрастен,Трета Възраст,неизвестен,Изберете",
    "ca": "Gènere,Masculí,Femení,Edat,Jove,Adult,Tercera edat,desconegut,Trieu-ne un",
    "de": "Geschlecht,Männlich,Weiblich,Altersgruppe,Jugendlicher,Erwachsener,Senior,unbekannt,Bitte wählen",
    "el": "Γένος,Άνδρας,Γυναίκα,Ηλικιακή Ομάδα,Νεαρός,Ενήλικας,Υπερήλικας,άγνωστο,Παρακαλώ Επιλέξτε",
    "es": "Genero,Masculino,Femenino,Rango de Edad,Niño,Adulto,Tercera Edad,desconocido,Por favor Seleccione",
    "fa": "جنسیت,مذکر,مونث,رده سنی,نوجوان,بزرگ‌سال,مسن,نامشخص,لطفا انتخاب کنید",
    "fr": "Sexe,Masculin,Féminin,Tranche d'âge,Jeune,Adulte,Senior,inconnu,Sélectionnez",
    "hr": "Spol,Muško,Žensko,Dobna skupina,Djeca,Odrasli,Stari,nepoznato,Odaberite",
    "it": "Sesso,Maschio,Femmina,Fascia di età,Giovane,Adulto,Anziano,non definito,Selezionare",
    "iw": "מין,זכר,נקבה,קבוצת גיל,צעיר,מבוגר,קשיש,לא ידוע,אנא בחר",
    "nl": "geslacht,mannelijk,vrouwelijk,leeftijd,jeugd,volwassen,senior,unknown,Maak een keuze",
    "pt": "Sexo,Masculino,Feminino,Faixa Etária,Jovem,Adulto,Idoso,desconhecido,Selecione",
    "ru": "Пол,Мужчина,Женщина,Возраст,до 25,до 55,более 55,другое,Выберите",
    "sq": "Gjinia,Mashkull,Femër,Mosha,I mitur,I rritur,I moshuar,i panjohur,Ju letemi zgjedhni",
    "tr": "Cinsiyet,Erkek,Kadın,Yaş Aralığı,Genç,Yetişkin,Yaşlı,bilinmiyor,Lütfen Seçin",
    "uk": "Стать,Чоловік,Жінка,Вік,До 25 років,До 55 років,Від 55 років і більше,невідомо,Оберіть:",
    "zh": "性别,男,女,年龄,青少年,成年,中年以上,未知,请选择",
}
# What the newer web app offers: male, female, other, youth, adult, senior (without words for age: bands of years).
WEB_APP = {
    "web-en": ["Male", "Female", "Other"],
    "web-de": ["Männlich", "Weiblich", "Andere", "Jugend", "Erwachsene", "Senior"],
    "web-es": ["Masculino", "Femenino", "Otro"],
    "web-fr": ["Masculin", "Féminin", "Autre", "Jeune", "Adulte", "Sénior"],
}
AGE_BANDS = {17: "13 - 17", 29: "18 - 29", 39: "30 - 39", 49: "40 - 49", 59: "50 - 59", 64: "60 - 64", 74: "65 - 74"}
STYLES = (*OLDER_APP, "en-tabs", *WEB_APP)

README = """User Name:{user}

Speaker Characteristics:

{gender_label}:{blank}{gender}
{age_label}:{blank}{age}
Language: {language}
Pronunciation dialect: {dialect}

Recording Information:

Microphone make: n/a
Microphone type: {microphone}

File Info:

{rate_label}: {rate_hz}
Number of channels: 1
"""
WEB_DIALECT = "Other - coastal\n  sub-dialect: northern\n  first language: Dutch\nNative Speaker: No"
LICENCE = """Synthetic speech of the voicetraits demo corpus, part {part}.

Nobody speaks here. Whoever made it waives all rights in it (CC0 1.0 Universal).
"""
PROMPTS = (
    "The rain had stopped before the train came in.", "Nobody knew where the old map was found, did they?",
    "Seven boats lay in the harbour that night.", "Wenn es morgen schön ist, gehen wir über die Brücke.",
    "El niño compró pan y queso en la plaza.", "Утром над рекой стоял туман.",
)  # fmt: skip


# How irregular READMEs differ from others: what is replaced by what.
EDITS = {
    "Sex": ("Gender:", "Sex:"),
    "capitals": ("Gender: .*", lambda line: line[0].upper()),
    "misspelt dialect": ("Pronunciation", "Pronunication"),
    "semicolon": ("((Gender|Age Range): .*)", r"\1;"),
    "leading tabs": ("(Gender|Age Range):", r"\t\1:"),
    "brackets": ("((Gender|Age Range): )(.+)", lambda line: f"{line[1]}[{line[3].lower()}]"),
    "CRLF": ("\n", "\r\n"),
}


def readme(submission: "Submission", rng: np.random.Generator) -> bytes:
    """The README as the submission's app writes it, with its irregularity."""
    is_web, language = submission.style in WEB_APP, submission.style.removeprefix("web-")[:2]
    keys = ("gender_label", "male", "female", "age_label", "youth", "adult", "senior", "unknown", "select")
    words = dict(zip(keys, OLDER_APP["en" if is_web else language].split(","), strict=True))
    if is_web:
        band = next((band for last, band in AGE_BANDS.items() if submission.age_years <= last), "> 75")
        words |= dict.fromkeys(AGE_YEARS, band) | dict.fromkeys(("unknown", "select"), "not selected")
        words |= dict(zip(("male", "female", "other", *AGE_YEARS), WEB_APP[submission.style], strict=False))
    text = README.format(
        user=f" {submission.user}" if is_web else submission.user,
        gender_label=words["gender_label"],
        gender=words.get(submission.gender, ""),
        age_label=words["age_label"],
        age=words.get(submission.age_group, ""),
        blank="\t\t" if submission.style == "en-tabs" else " ",
        language=language.upper(),
        dialect=WEB_DIALECT if is_web else rng.choice(["New Zealand English", "Other", "unknown"]),
        microphone=rng.choice(["Headset mic", "USB mic", "Laptop Built-in mic"]),
        rate_label="Sample Rate" if is_web else "Sampling Rate",
        rate_hz=rng.choice([16000, 44100, 48000]),  # of the microphone; the file has its own
    )
    if submission.irregularity in EDITS:
        text = re.sub(*EDITS[submission.irregularity], text)
    return text.encode("latin-1" if submission.irregularity == "Latin-1" else "utf-8")


# --- The plan -----------------------------------------------------------------------------------------------------

UNLABELLED_SHARE, ANONYMOUS_SHARE = 0.05, 0.03  # of the speakers
UNUSUAL_SHARE = 0.2  # of the submissions, in style, in format, by an irregularity
ANONYMOUS = ("anonymous", "anonyme", "anonym", "anonimo")
# Ways to differ from the rule without being wrong.
IRREGULARITIES = (
    "Sex", "capitals", "misspelt dialect", "semicolon", "leading tabs", "brackets", "CRLF", "Latin-1", "readme",
    "Readme", "prompts", "no PROMPTS", "no README", "odd suffix",
)  # fmt: skip
# What is wrong with archives, and with members of them: each once.
ARCHIVE_FAULTS = (
    "truncated", "corrupt", "no tar", "no audio", "all silent", "inflates", "many members", "endless header",
)  # fmt: skip
MEMBER_FAULTS = (
    "empty", "header only", "unreadable", "foreign format", "silent", "too short", "too long", "not a number",
    "parent path", "absolute path", "bad name", "symbolic link", "hard link", "device", "sparse", "long text",
    "duplicate",
)  # fmt: skip


@dataclass(frozen=True)
class Submission:
    """All that one archive is made from, besides the seed.

    Attributes:
        name: of the archive, without .tgz.
        gender: as the README states it: male, female, other, unknown, select, blank; age_group likewise.
        borrowed: another speaker's submission, whose first clip stands in place of this one's.
    """

    name: str
    user: str
    voice: Voice
    age_years: int
    gender: str
    age_group: str
    part: str
    style: str = "en"
    irregularity: str | None = None
    audio_format: tuple[str, str, int, int] = FORMATS[0]
    faults: tuple[str, ...] = ()
    borrowed: "Submission | None" = None


def plan(speakers: int, seed: int) -> list[Submission]:
    """All submissions, sorted by name."""
    rng = generator(seed, "plan")
    men = round(0.6 * speakers)
    classes = [("male", number) for number in range(men)] + [("female", number) for number in range(speakers - men)]
    ages = ("adult", "youth", "adult", "senior")
    # Speakers are shuffled, so that what the first and the last ones get has nothing to do with gender and age.
    by_speaker = [
        draw_speaker(number, classes[at][0], ages[classes[at][1] % 4], seed)
        for number, at in enumerate(rng.permutation(speakers))
    ]

    unlabelled = max(1, round(UNLABELLED_SHARE * speakers))
    for number in range(unlabelled):
        values = ("unknown", "select", "blank")
        by_speaker[number] = [
            replace(one, gender=values[(number + at) % 3], age_group=values[(number + at + 1) % 3])
            for at, one in enumerate(by_speaker[number])
        ]
    contradictory, partly_blank = by_speaker[unlabelled : unlabelled + 2]
    contradictory[1] = replace(contradictory[1], gender="female" if contradictory[0].gender == "male" else "male")
    partly_blank[1] = replace(partly_blank[1], gender="blank", age_group="select")
    anonymous = range(unlabelled + 2, unlabelled + 2 + max(1, round(ANONYMOUS_SHARE * speakers)))
    for number in anonymous:
        one, user = by_speaker[number][0], ANONYMOUS[number % len(ANONYMOUS)]
        by_speaker[number] = [replace(one, user=user, name=user + one.name.removeprefix(one.user))]
    # The last submission of a speaker may be spoilt, for there is another.
    for submissions, fault in zip(by_speaker[anonymous.stop :], ARCHIVE_FAULTS, strict=False):
        submissions[-1] = replace(submissions[-1], faults=(fault,))
    # READMEs with a part to play stay legible; the others get what they get.
    told = [*by_speaker.pop(unlabelled), *by_speaker.pop(unlabelled)]
    told.append(replace(by_speaker[0].pop(0), gender="other", style="web-en"))
    return sorted([*told, *dress([one for ones in by_speaker for one in ones], rng)], key=lambda one: one.name)


def draw_speaker(number: int, gender: str, age_group: str, seed: int) -> list[Submission]:
    """A new speaker's submissions: two to four, as yet plain."""
    rng = generator(seed, "speaker", number)
    user = "".join(rng.choice(["ka", "lo", "mi", "ren", "so", "tan", "vi", "zu", "bel", "dor"], 3)) + str(number)
    age_years = int(rng.integers(*AGE_YEARS[age_group], endpoint=True))
    voice = draw_voice(gender, age_group, age_years, rng)
    day, submissions = date(2006, 1, 1) + timedelta(days=int(rng.integers(5000))), []
    for _ in range(rng.integers(2, 4, endpoint=True)):
        name = f"{user}-{day:%Y%m%d}-{''.join(rng.choice(list('abcdefghijklmnopqrstuvwxyz'), 3))}"
        part = ("one", "two")[number % 2]
        submissions.append(Submission(name, user, voice, age_years, gender, age_group, part))
        day += timedelta(days=int(rng.integers(1, 60)))
    return submissions


def dress(submissions: list[Submission], rng: np.random.Generator) -> list[Submission]:
    """The same submissions with their irregularities, README styles, formats, faults and borrowed clips."""
    sound = [at for at, one in enumerate(submissions) if not one.faults]
    spoilt = [one for one in submissions if one.faults]
    sound = [submissions[at] for at in rng.permutation(sound)]
    irregular = min(max(len(IRREGULARITIES), round(UNUSUAL_SHARE * len(sound))), len(sound))
    for at, one in enumerate(sound[:irregular]):
        irregularity = IRREGULARITIES[at % len(IRREGULARITIES)]
        name = f"{one.name[:-3]}vf1" if irregularity == "odd suffix" else one.name
        style = "de" if irregularity == "Latin-1" else "en"
        sound[at] = replace(one, name=name, style=style, irregularity=irregularity)
    for at, style in enumerate(mixture(STYLES, ("en", "en-tabs", "web-en"), len(sound) - irregular, rng), irregular):
        sound[at] = replace(sound[at], style=style)
    rng.shuffle(sound)
    for at, audio_format in enumerate(mixture(FORMATS, FORMATS[:1], len(sound), rng)):
        sound[at] = replace(sound[at], audio_format=audio_format)
    rng.shuffle(sound)
    for number, fault in enumerate(MEMBER_FAULTS):
        one = sound[number % len(sound)]
        sound[number % len(sound)] = replace(one, faults=(*one.faults, fault))
    rng.shuffle(sound)
    for at, lenders in enumerate((sound[2:], sound[:1:-1])):
        sound[at] = replace(sound[at], borrowed=next(one for one in lenders if one.user != sound[at].user))
    return sound + spoilt


def mixture(values: Sequence, usual: Sequence, count: int, rng: np.random.Generator) -> list:
    """Each value once, as far as `count` allows; then the usual ones, with the unusual share of the others."""
    once = [values[at] for at in rng.permutation(len(values))]
    rest = [values if rng.random() < UNUSUAL_SHARE else usual for _ in range(count)]
    return (once + [choices[rng.integers(len(choices))] for choices in rest])[:count]


# --- Archives -----------------------------------------------------------------------------------------------------


def make_archive(submission: Submission, seed: int) -> bytes:
    """The bytes of one .tgz."""
    rng = generator(seed, submission.name, "texts")
    name, irregularity, faults = submission.name, submission.irregularity, submission.faults
    folder = f"{name}/{submission.audio_format[0].lower()}"
    numbers, sentences = (rng.choice(count, CLIPS, replace=False) for count in (10_000, len(PROMPTS)))
    prompts = {f"a{number:04d}": PROMPTS[at] for number, at in zip(numbers, sentences, strict=True)}
    lines = (f"{name}/mfc/{one} " + re.sub(r"[^\w' ]", "", text).upper() for one, text in prompts.items())
    texts = {
        "README": readme(submission, rng),
        "PROMPTS": "\n".join([*lines, ""]).encode(),
        "prompts-original": "\n".join([*map(" ".join, prompts.items()), ""]).encode(),
        "HDMan_log": b"",
    }
    for file in ("README", "PROMPTS"):
        if irregularity == f"no {file}":
            del texts[file]
        elif irregularity and irregularity.upper() == file:
            texts[irregularity] = texts.pop(file)
    members = [member(f"{name}/LICENSE", LICENCE.format(part=submission.part).encode())]
    members += [member(f"{name}/etc/{file}", content) for file, content in texts.items()]
    for number, utterance in enumerate(prompts if "no audio" not in faults else ()):
        speaker = submission.borrowed if submission.borrowed and number == 0 else submission
        suffix = speaker.audio_format[0].lower()
        if "all silent" in faults or "inflates" in faults:
            content = audio_file(np.zeros(RATE_HZ if "all silent" in faults else 3_000_000))
        else:
            content = clip_file(speaker, number, seed)
        members.append(member(f"{folder}/{utterance}.{suffix}", content))
    if "many members" in faults:
        members += [member(f"{name}/etc/{number}") for number in range(6000)]
    if "endless header" in faults:
        members.append(member(f"{name}/etc/{'x' * 200_000}"))
    last_clip = members[-1][0].name
    members += [faulty_member(fault, folder, last_clip) for fault in faults if fault in MEMBER_FAULTS]
    return pack(members, faults)


def member(
    path: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = ""
) -> tuple[tarfile.TarInfo, bytes]:
    """A member of an archive, without date or owner."""
    info = tarfile.TarInfo(path)
    info.size, info.type, info.linkname = len(content), kind, link
    return info, content


def faulty_member(fault: str, folder: str, clip: str) -> tuple[tarfile.TarInfo, bytes]:
    """A member that must be set aside, in a folder in which `clip` is a sound one."""
    noise = 0.05 * generator(fault).standard_normal(8000 * 61).clip(-3, 3)
    second, path = noise[:RATE_HZ], f"{folder}/{fault.replace(' ', '-')}.wav"
    return {
        "empty": lambda: member(path),
        "header only": lambda: member(path, audio_file(noise[:0])),
        "unreadable": lambda: member(path, noise[:1000].tobytes()),
        "foreign format": lambda: member(path, audio_file(second, ("AIFF", "PCM_16", RATE_HZ, 1))),
        "silent": lambda: member(path, audio_file(0 * second)),
        "too short": lambda: member(path, audio_file(noise[: RATE_HZ // 5])),
        "too long": lambda: member(path, audio_file(noise, ("WAV", "PCM_U8", 8000, 1))),
        "not a number": lambda: member(
            path, audio_file(np.where(second > 0.1, np.nan, second), ("WAV", "FLOAT", RATE_HZ, 1))
        ),
        "parent path": lambda: member("../x.wav", audio_file(second)),
        "absolute path": lambda: member("/tmp/x.wav", audio_file(second)),
        "bad name": lambda: member(f"{folder}/a\tb.wav", audio_file(second)),
        "symbolic link": lambda: member(path, kind=tarfile.SYMTYPE, link="/etc/passwd"),
        "hard link": lambda: member(path, kind=tarfile.LNKTYPE, link="../../x.wav"),
        "device": lambda: member(path, kind=tarfile.CHRTYPE),
        "sparse": lambda: member(path, kind=tarfile.GNUTYPE_SPARSE),
        "long text": lambda: member(f"{folder}/COPYING", b"All rights are waived.\n" * 50_000),
        "duplicate": lambda: member(clip, audio_file(second)),
    }[fault]()


def pack(members: Sequence[tuple[tarfile.TarInfo, bytes]], faults: Sequence[str]) -> bytes:
    """The members as a .tgz, broken where the faults say so."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    content = b"<html>Not found</html>" if "no tar" in faults else file.getvalue()
    packed = gzip.compress(content, 9 if "inflates" in faults else 1, mtime=0)
    if "truncated" in faults:
        return packed[: len(packed) * 2 // 3]
    if "corrupt" in faults:
        return packed[: len(packed) // 2] + bytes(64) + packed[len(packed) // 2 + 64 :]
    return packed


# --- The corpus ---------------------------------------------------------------------------------------------------


class Corpus:
    """The demo corpus, behind the protocol voicetraits.corpus.Corpus."""

    max_failed_share = 0.0
    left_out: Mapping[str, int] = MappingProxyType({})

    def __init__(self, params: Params) -> None:
        self.params = params
        self.limit = params.limit

    @cached_property
    def _submissions(self) -> dict[str, Submission]:
        return {f"{one.name}.tgz": one for one in plan(self.params.speakers, self.params.seed)}

    def list_archives(self) -> list[Archive]:
        """Every archive; their sizes are guesses."""
        return [Archive(name, "demo", ARCHIVE_BYTES) for name in self._submissions]

    def is_stored(self, archive: Archive, store: Store) -> bool:
        """Whether the archive was made before."""
        return store.get("demo", self._key(archive)) is not None

    def fetch(self, archives: Sequence[Archive], *, store: Store, workers: Workers | int | None) -> Iterator[Fetched]:
        """Hand over what the store has, then make the others in worker processes."""
        missing = []
        for archive in archives:
            if entry := store.get("demo", self._key(archive)):
                yield _fetched(archive, entry)
            else:
                missing.append(archive)
        tasks = [(self._submissions[archive.name], self._key(archive)) for archive in missing]
        make = partial(_make, store, self.params.seed)
        entries = map_in_workers(make, tasks, workers=workers, description="demo", unit="archive")
        for archive, entry in zip(missing, entries, strict=True):
            yield _fetched(archive, entry)

    def _key(self, archive: Archive) -> str:
        return plain_key(self._code, str(self.params.seed), repr(self._submissions[archive.name]))

    @cached_property
    def _code(self) -> str:
        return key_of(modules=[__name__], versions=("numpy", "scipy", "soundfile"))


def _make(store: Store, seed: int, task: tuple[Submission, str]) -> Path:
    submission, key = task

    def fill(folder: Path) -> None:
        (folder / f"{submission.name}.tgz").write_bytes(make_archive(submission, seed))

    return store.put("demo", key, fill)


def _fetched(archive: Archive, entry: Path) -> Fetched:
    return Fetched(archive, entry / archive.name, sha256_of(entry / archive.name))
