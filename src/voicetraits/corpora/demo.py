"""The embedded corpus: VoxForge-like archives of synthetic voices, made on the spot, the same bytes each time.

A plan (who speaks, what each README looks like, what is wrong with which archive) is drawn first; then each archive is
made by itself from its `Submission`, so archives can be made in any order and by any number of workers.

The voices are made by a source-filter model (Fant 1960, "Acoustic Theory of Speech Production"): glottal pulses and
aspiration noise through vocal-tract resonances, syllable by syllable, then a room and a microphone. Each speaker's
pitch, vocal tract, roughness, breathiness and rate are drawn around published means for sex and age. Everything else
(length, format, loudness, room, README) is drawn without a look at either. What is learnt from these voices says
nothing about people.
"""

import gzip
import io
import re
import struct
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property, partial
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import numpy as np
import soundfile
from pydantic import Field
from scipy import fft, signal

from voicetraits.corpus import Archive, Fetched
from voicetraits.files import sha256_of
from voicetraits.parallel import map_in_workers
from voicetraits.params import section
from voicetraits.store import Store, make_key

RATE_HZ = 16000
CLIPS = 4  # in each submission
ARCHIVE_BYTES = 350_000  # about, on average


@section
class Params:
    """Section `corpora.demo` of params.yaml."""

    speakers: Annotated[int, Field(ge=8)]
    seed: Annotated[int, Field(ge=0)]
    limit: Annotated[int, Field(ge=1)] | None
    sources: dict[str, str]


# --- Voices: who speaks -------------------------------------------------------------------------------------------

AGE_YEARS = {"youth": (13, 17), "adult": (18, 64), "senior": (65, 85)}

# Mean F0 in Hz at an age in years. Adults: Hollien & Shipp 1972 (men by decade), Stoicheff 1981 (women by decade);
# youth, with the boys' change of voice: Lee, Potamianos & Narayanan 1999.
MEAN_F0_HZ = {
    "male": ([13, 14, 15, 17, 25, 35, 45, 55, 65, 75, 85], [195, 170, 148, 128, 120, 112, 107, 115, 120, 132, 146]),
    "female": ([13, 14, 15, 17, 25, 35, 45, 55, 65, 75, 85], [238, 234, 230, 226, 224, 213, 216, 200, 199, 196, 188]),
}
# Formants relative to adult men's at an age, which is the inverse of vocal-tract length. Women: Hillenbrand et al.
# 1995; youth: Lee et al. 1999; the tract goes on growing a little: Xue & Hao 2003.
MEAN_FORMANT_SCALE = {
    "male": ([13, 15, 17, 20, 60, 85], [1.16, 1.08, 1.03, 1.0, 0.99, 0.97]),
    "female": ([13, 15, 17, 20, 60, 85], [1.22, 1.19, 1.175, 1.165, 1.15, 1.13]),
}
# Standard deviations of the logarithm. Between speakers of one sex and age: 2 to 3 semitones of F0 (Traunmueller &
# Eriksson 1995), 5 % of tract length (Fitch & Giedd 1999). Between one speaker's clips: mood, effort, imitation.
F0_SPREAD = 0.15
F0_CLIP_SPREAD = 0.07
FORMANT_SPREAD = 0.05
FORMANT_CLIP_SPREAD = 0.02
# Means for youth, adult, senior, and the spread of their logarithm between speakers. Jitter and shimmer as shares of
# period and amplitude, aspiration relative to the voice: Ferrand 2002, Wilcox & Horii 1980, Linville 2001; syllables
# per second of articulation: Jacewicz et al. 2009, Amerman & Parnell 1992.
JITTER = {"youth": 0.005, "adult": 0.006, "senior": 0.012}
SHIMMER = {"youth": 0.03, "adult": 0.035, "senior": 0.07}
ASPIRATION = {"youth": 0.05, "adult": 0.06, "senior": 0.12}
SYLLABLES_PER_SECOND = {"youth": 5.2, "adult": 5.0, "senior": 4.1}
QUALITY_SPREAD = 0.45
RATE_SPREAD = 0.12


@dataclass(frozen=True)
class Voice:
    """How a speaker sounds: F0, formants relative to adult men's, and the quality of the voice."""

    f0_hz: float
    formant_scale: float
    jitter: float
    shimmer: float
    aspiration: float
    open_quotient: float
    tilt_hz: float
    syllables_per_second: float


def draw_voice(gender: str, age_group: str, age_years: int, rng: np.random.Generator) -> Voice:
    """A voice from the distributions above."""

    def vary(mean: float, spread: float) -> float:
        return round(float(mean * np.exp(spread * np.clip(rng.standard_normal(), -2.5, 2.5))), 6)

    breathy = 1.1 if gender == "female" else 1.0  # longer open phase and softer closure: Klatt & Klatt 1990
    return Voice(
        f0_hz=vary(np.interp(age_years, *MEAN_F0_HZ[gender]), F0_SPREAD),
        formant_scale=vary(np.interp(age_years, *MEAN_FORMANT_SCALE[gender]), FORMANT_SPREAD),
        jitter=vary(JITTER[age_group], QUALITY_SPREAD),
        shimmer=vary(SHIMMER[age_group], QUALITY_SPREAD),
        aspiration=vary(ASPIRATION[age_group] * breathy, QUALITY_SPREAD),
        open_quotient=min(vary(0.6 * breathy, 0.1), 0.9),
        tilt_hz=vary(2500 / breathy, 0.3),
        syllables_per_second=vary(SYLLABLES_PER_SECOND[age_group], RATE_SPREAD),
    )


# --- Sounds: what a clip is made of -------------------------------------------------------------------------------

# One row a phone: length relative to a vowel's, voice, noise, centre of the noise in Hz, F1 to F4 in Hz of an adult
# man. Vowels: Hillenbrand et al. 1995, table V; consonants: Klatt 1980, rounded.
VOWELS = np.array(
    [[1.0, 1.0, 0.0, 4000.0, *formants] for formants in (
        (342, 2322, 3000, 3657), (427, 2034, 2684, 3618), (476, 2089, 2691, 3649), (580, 1799, 2605, 3677),
        (588, 1952, 2601, 3624), (768, 1333, 2522, 3687), (652, 997, 2538, 3486), (497, 910, 2459, 3384),
        (469, 1122, 2434, 3400), (378, 997, 2343, 3357), (623, 1200, 2550, 3557), (474, 1379, 1710, 3334),
    )]
)  # fmt: skip
CONSONANTS = [
    np.array(rows, float) for rows in (
        [(0.5, 0.4, 0, 4000, 300, 1100, 2200, 3400)],  # m
        [(0.5, 0.4, 0, 4000, 300, 1500, 2500, 3400)],  # n
        [(0.5, 0.6, 0, 4000, 330, 1050, 2700, 3400)],  # l
        [(0.5, 0.5, 0, 4000, 330, 1060, 1500, 3200)],  # r
        [(0.5, 0.5, 0, 4000, 300, 700, 2200, 3300)],  # w
        [(0.8, 0, 0.5, 5800, 320, 1400, 2530, 3600)],  # s
        [(0.8, 0, 0.5, 2900, 300, 1840, 2750, 3500)],  # sh
        [(0.7, 0, 0.2, 4500, 340, 1100, 2080, 3400)],  # f
        [(0.5, 0, 0.2, 1500, 500, 1500, 2500, 3500)],  # h
        [(0.6, 0.3, 0.2, 5500, 300, 1400, 2500, 3500)],  # z
        [(0.5, 0, 0, 4000, 400, 1100, 2150, 3400), (0.2, 0, 0.5, 1200, 400, 1100, 2150, 3400)],  # p
        [(0.5, 0, 0, 4000, 400, 1600, 2600, 3400), (0.2, 0, 0.6, 4500, 400, 1600, 2600, 3400)],  # t
        [(0.4, 0.2, 0, 4000, 250, 1700, 2350, 3400), (0.2, 0.3, 0.4, 2000, 250, 1700, 2350, 3400)],  # g
    )
]  # fmt: skip
PAUSE = np.array([[1.0, 0, 0, 4000, 500, 1500, 2500, 3500]])
FORMANT_BANDWIDTHS_HZ = (70, 90, 130, 200, 300, 400)
HIGHER_FORMANTS_HZ = (4500, 5500)  # a uniform tract's fifth and sixth
TOKEN_SPREAD = 0.04  # of a phone's formants from one time to the next

STEP = 64  # samples between points of the control tracks
WINDOW = 512  # samples in which the tract is taken as fixed, half overlapping
TAIL = 512  # samples in which its resonances die away
SILENCE_SECONDS = (0.15, 0.35)  # before and after the speech


def phones_of(voice: Voice, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Phones, each (seconds, voice, noise, noise centre, F1 to F4 of this clip), that last `seconds` together."""
    start, end = rng.uniform(*SILENCE_SECONDS, 2)
    syllable_seconds = 1 / voice.syllables_per_second
    rows, length = [PAUSE * [start, *[1] * 7]], start
    until_pause = rng.integers(5, 10)
    while length < seconds - end - 0.5 * syllable_seconds:
        parts = [CONSONANTS[rng.integers(len(CONSONANTS))], VOWELS[[rng.integers(len(VOWELS))]]]
        if rng.random() < 0.3:
            parts.append(CONSONANTS[rng.integers(5)])
        syllable = np.concatenate(parts)
        syllable[:, 0] *= syllable_seconds / 1.75 * rng.uniform(0.75, 1.3)
        syllable[:, 4:] *= np.exp(TOKEN_SPREAD * rng.standard_normal((len(syllable), 4)))
        rows.append(syllable)
        length += syllable[:, 0].sum()
        until_pause -= 1
        if until_pause == 0 and length < seconds - end - 4 * syllable_seconds:
            rows.append(PAUSE * [rng.uniform(0.8, 1.8) * syllable_seconds, *[1] * 7])
            length += rows[-1][0, 0]
            until_pause = rng.integers(5, 10)
    phones = np.concatenate([*rows, PAUSE])
    phones[-1, 0] = max(seconds - length, 0.0) + 1.0  # cut off by the caller
    return phones


def smooth(track: np.ndarray, seconds: float) -> np.ndarray:
    """Each column of a control track under a Hann window: articulators have inertia."""
    window = signal.windows.hann(int(seconds * RATE_HZ / STEP) | 1, sym=True)
    half = len(window) // 2
    padded = np.pad(track, ((half, half), (0, 0)), mode="edge")
    return signal.fftconvolve(padded, (window / window.sum())[:, None], mode="valid", axes=0)


def pitch_track(f0_hz: float, voiced: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """F0 at each point of the control track: falling over the clip, with accents; its median where voiced is f0_hz."""
    fall = np.linspace(1, -1, len(voiced)) * rng.uniform(0.04, 0.12)
    accents = smooth(rng.standard_normal((len(voiced), 1)), 0.3)[:, 0]
    accents *= rng.uniform(0.04, 0.10) / accents.std()
    shape = fall + accents
    return f0_hz * np.exp(shape - np.median(shape[voiced]))


def glottal_source(f0_hz: np.ndarray, voice: Voice, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Glottal flow (Rosenberg 1971, type C) with jitter and shimmer, a value a sample, and its derivative.

    Differences of the flow are the derivative averaged over each sample, which keeps aliasing down.
    """
    cycles = np.cumsum(f0_hz / RATE_HZ)
    starts = np.interp(np.arange(1, int(cycles[-1])), cycles, np.arange(len(cycles)))
    periods = np.diff(starts, prepend=0)
    starts = np.cumsum(periods * (1 + voice.jitter * rng.standard_normal(len(periods))))
    phase = np.interp(np.arange(len(f0_hz)), starts, np.arange(len(starts)))
    amplitude = 1 + voice.shimmer * rng.standard_normal(len(starts) + 1)
    cycle = phase.astype(int)
    phase -= cycle
    rise, fall = voice.open_quotient * 2 / 3, voice.open_quotient / 3
    table = np.linspace(0, 1, 4096, endpoint=False)
    flow = np.where(table < rise, (1 - np.cos(np.pi * table / rise)) / 2, np.cos(np.pi * (table - rise) / fall / 2))
    flow[table > rise + fall] = 0
    flow = amplitude[cycle] * np.interp(phase, table, flow)
    return flow, np.diff(flow, prepend=0.0)


def resonance(centre_hz: np.ndarray, bandwidth_hz: np.ndarray | float, delay: np.ndarray) -> np.ndarray:
    """Frequency response of a two-pole resonator of unit gain at 0 Hz (Klatt 1980); `delay` is exp(-jw)."""
    radius = np.exp(-np.pi * np.asarray(bandwidth_hz) / RATE_HZ)
    a1 = (-2 * radius * np.cos(2 * np.pi * centre_hz / RATE_HZ)).astype(np.float32)
    a2 = (radius**2 * np.ones_like(centre_hz)).astype(np.float32)
    return (1 + a1 + a2) / (1 + delay * (a1 + a2 * delay))


def through_tract(voiced: np.ndarray, noise: np.ndarray, tract: np.ndarray, voice: Voice) -> np.ndarray:
    """Filter the voiced source by the formants and the noise by its own resonance, by overlap-add.

    Args:
        tract: at each window (half a window apart), noise centre and F1 to F4 in Hz, of shape (windows, 5).
    """
    windows, size = len(tract), WINDOW + TAIL
    delay = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size).astype(np.complex64)[None, :]
    response = (1 - (pole := np.exp(-2 * np.pi * voice.tilt_hz / RATE_HZ))) / (1 - np.float32(pole) * delay)
    for formant, bandwidth in zip(HIGHER_FORMANTS_HZ, FORMANT_BANDWIDTHS_HZ[4:], strict=True):
        response = response * resonance(np.array([[formant * voice.formant_scale]]), bandwidth, delay)
    for column, bandwidth in zip(tract.T[1:], FORMANT_BANDWIDTHS_HZ, strict=False):
        response = response * resonance(column[:, None], bandwidth, delay)
    centre = tract[:, :1]
    hiss = resonance(centre, 0.3 * centre + 300, delay) * (1 - delay) * np.float32(0.1)
    taper = signal.windows.hann(WINDOW, sym=False).astype(np.float32)
    spectrum = np.zeros((windows, size // 2 + 1), np.complex64)
    for source, filter_ in ((voiced, response), (noise, hiss)):
        padded = np.pad(source.astype(np.float32), (WINDOW // 2, WINDOW))
        frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[:: WINDOW // 2][:windows]
        spectrum += fft.rfft(frames * taper, n=size, axis=1) * filter_
    pieces = fft.irfft(spectrum, n=size, axis=1)
    output = np.zeros((windows + 3, WINDOW // 2), np.float32)
    for part in range(size * 2 // WINDOW):
        output[part : part + windows] += pieces[:, part * WINDOW // 2 : (part + 1) * WINDOW // 2]
    return output.reshape(-1)[WINDOW // 2 : WINDOW // 2 + len(voiced)]


def speak(phones: np.ndarray, f0_hz: float, voice: Voice, samples: int, rng: np.random.Generator) -> np.ndarray:
    """Phones (see phones_of) as sound: float32 at 16 kHz."""
    steps = samples // STEP + 2
    ends = np.cumsum(phones[:, 0])
    track = phones[np.minimum(np.searchsorted(ends, np.arange(steps) * STEP / RATE_HZ, "right"), len(phones) - 1), 1:]
    levels = smooth(track[:, :2], 0.03)
    tract = np.exp(smooth(np.log(track[:, 2:]), 0.07)) * [1, *[voice.formant_scale] * 4]
    at, grid = np.arange(samples), np.arange(steps) * STEP
    f0 = np.interp(at, grid, pitch_track(f0_hz, track[:, 0] > 0.5, rng))
    voicing, hissing = np.interp(at, grid, levels[:, 0]), np.interp(at, grid, levels[:, 1])
    flow, source = glottal_source(f0, voice, rng)
    white = rng.standard_normal(samples, np.float32)
    # Breath passes where the glottis is open, and a little always. 0.13 levels it with a pulse of the usual slope.
    breath = 0.13 * voice.aspiration * (0.4 + flow) * white
    every = np.minimum(np.arange(samples * 2 // WINDOW + 2) * WINDOW // 2 // STEP, steps - 1)
    return through_tract(voicing * (source + breath), hissing * white, tract[every], voice)


# --- Recordings: room, microphone, file ---------------------------------------------------------------------------

# Container, sample format, rate in Hz, channels.
FORMATS = [
    ("wav", "PCM_16", 16000, 1),
    ("flac", "PCM_16", 16000, 1),
    ("wav", "PCM_16", 48000, 1),
    ("wav", "PCM_16", 44100, 2),
    ("wav", "PCM_24", 16000, 1),
    ("wav", "FLOAT", 48000, 1),
    ("wav", "PCM_16", 8000, 1),
]


@dataclass(frozen=True)
class Equipment:
    """Room and microphone of a submission."""

    reverberation_seconds: float
    direct_to_reverberant: float
    low_hz: float
    high_hz: float
    level_dbfs: float
    noise_db: float


def draw_equipment(rng: np.random.Generator) -> Equipment:
    """A home recording: small room, headset or laptop microphone."""
    return Equipment(
        reverberation_seconds=round(rng.uniform(0.1, 0.4), 4),
        direct_to_reverberant=round(rng.uniform(2, 6), 4),
        low_hz=round(rng.uniform(30, 120), 4),
        high_hz=round(rng.uniform(5000, 7800), 4),
        level_dbfs=round(rng.uniform(-30, -18), 4),
        noise_db=round(rng.uniform(-50, -28), 4),
    )


def record(speech: np.ndarray, equipment: Equipment, rng: np.random.Generator) -> np.ndarray:
    """Speech in a room, with noise, through a microphone: float32 within -1 to 1."""
    seconds = np.arange(int(equipment.reverberation_seconds * RATE_HZ)) / RATE_HZ
    echo = rng.standard_normal(len(seconds), np.float32) * np.exp(-6.9 * seconds / equipment.reverberation_seconds)
    echo *= 1 / (np.sqrt((echo**2).sum()) * equipment.direct_to_reverberant)
    echo[0] = 1
    size = fft.next_fast_len(len(speech) + len(echo), real=True)
    frequency = fft.rfftfreq(size, 1 / RATE_HZ)
    # Second-order roll-off at both ends.
    microphone = (
        1 / (1 + (equipment.low_hz / np.maximum(frequency, 1)) ** 4) / (1 + (frequency / equipment.high_hz) ** 8)
    )
    noise = rng.standard_normal(len(speech), np.float32) * 10 ** (equipment.noise_db / 20) * speech.std()
    spectrum = fft.rfft(speech, size) * fft.rfft(echo.astype(np.float32), size) + fft.rfft(noise, size)
    recorded = fft.irfft((spectrum * microphone).astype(np.complex64), size)[: len(speech)]
    recorded *= 10 ** (equipment.level_dbfs / 20) / recorded.std()
    return np.clip(recorded, -0.999, 0.999)


def wav_file(samples: np.ndarray, sample_format: str, rate_hz: int) -> bytes:
    """A .wav file of samples of shape (length, channels); the same bytes always (libsndfile would add a time stamp)."""
    if sample_format == "FLOAT":
        data, code, width = samples.astype("<f4").tobytes(), 3, 4
    elif sample_format == "PCM_24":
        whole = np.round(samples * (2**23 - 1)).astype("<i4")
        data, code, width = whole.view(np.uint8).reshape(-1, 4)[:, :3].tobytes(), 1, 3
    else:
        data, code, width = np.round(samples * (2**15 - 1)).astype("<i2").tobytes(), 1, 2
    return wav_header(len(data), code, width, rate_hz, samples.shape[1]) + data


def wav_header(data_bytes: int, code: int, width: int, rate_hz: int, channels: int) -> bytes:
    """The 44 bytes before the data; `code` is 1 for whole numbers, 3 for floating point."""
    frame = width * channels
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + data_bytes, b"WAVE", b"fmt ", 16, code, channels, rate_hz,
        rate_hz * frame, frame, 8 * width, b"data", data_bytes,
    )  # fmt: skip


def audio_file(samples: np.ndarray, audio_format: tuple[str, str, int, int]) -> bytes:
    """Samples at 16 kHz as a file of one of FORMATS."""
    container, sample_format, rate_hz, channels = audio_format
    if rate_hz != RATE_HZ:
        divisor = np.gcd(rate_hz, RATE_HZ)
        samples = np.clip(signal.resample_poly(samples, rate_hz // divisor, RATE_HZ // divisor), -0.999, 0.999)
    samples = np.repeat(samples[:, None], channels, axis=1)
    if container == "wav":
        return wav_file(samples, sample_format, rate_hz)
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, sample_format, format="FLAC")
    return file.getvalue()


def faulty_file(fault: str) -> bytes:
    """A clip that must be set aside."""
    rng = generator(fault)
    noise = 0.05 * rng.standard_normal((RATE_HZ, 1))
    return {
        "empty": lambda: b"",
        "header only": lambda: wav_header(0, 1, 2, RATE_HZ, 1),
        "unreadable": lambda: rng.bytes(4000),
        "silent": lambda: wav_file(0 * noise, "PCM_16", RATE_HZ),
        "too short": lambda: wav_file(noise[: RATE_HZ // 5], "PCM_16", RATE_HZ),
        "too long": lambda: wav_file(np.resize(noise, (8000 * 61, 1)), "PCM_16", 8000),
        "not a number": lambda: wav_file(np.where(noise > 0.1, np.nan, noise), "FLOAT", RATE_HZ),
    }[fault]()


# --- Texts: README, prompts, licence ------------------------------------------------------------------------------

# What the older submission app offers, language by language: gender label; male, female; age label; youth, adult,
# senior; unknown, please select.
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
# What the newer web app offers: male, female, other; youth, adult, senior (None: a band of years); not stated.
WEB_APP = {
    "web-en": ("Male,Female,Other", None, "not selected"),
    "web-de": ("Männlich,Weiblich,Andere", "Jugend,Erwachsene,Senior", "not selected"),
    "web-es": ("Masculino,Femenino,Otro", None, "not selected"),
    "web-fr": ("Masculin,Féminin,Autre", "Jeune,Adulte,Sénior", "not selected"),
}
AGE_BANDS = ((18, "13 - 17"), (30, "18 - 29"), (40, "30 - 39"), (50, "40 - 49"), (60, "50 - 59"), (65, "60 - 64"),
             (75, "65 - 74"), (999, "> 75"))  # fmt: skip
STYLES = (*OLDER_APP, "en-tabs", *WEB_APP)

# Ways in which archives differ from the rule without being wrong.
IRREGULARITIES = (
    "Sex", "capitals", "misspelt dialect", "semicolon", "leading tabs", "brackets", "CRLF", "Latin-1", "readme",
    "Readme", "prompts", "no README", "odd suffix", "no PROMPTS",
)  # fmt: skip
PROMPTS = (
    "Author of the danger trail, Philip Steels, etc.", "The rain had stopped before the train came in.",
    "Nobody knew where the old map had been found.", "Seven boats lay in the harbour that night.",
    "Wenn es morgen schön ist, gehen wir über die Brücke.", "Ils ont passé l'été près de la forêt.",
    "El niño compró pan y queso en la plaza.", "Утром над рекой стоял туман.",
)  # fmt: skip
LICENCE = """Synthetic speech of the voicetraits demo corpus, part {part}.

No person speaks here. Whoever made it waives all rights in it (CC0 1.0 Universal).
"""


def stated(submission: "Submission") -> tuple[str, str]:
    """The words for gender and age that the README's app would write down."""
    gender, age, style = submission.gender, submission.age_group, submission.style.removesuffix("-tabs")
    if style in OLDER_APP:
        _, male, female, _, youth, adult, senior, unknown, select = OLDER_APP[style].split(",")
        words = {"male": male, "female": female, "youth": youth, "adult": adult, "senior": senior}
        return tuple(words.get(value, {"unknown": unknown, "select": select}.get(value, "")) for value in (gender, age))
    genders, ages, unknown = WEB_APP[style]
    words = dict(zip(("male", "female", "other"), genders.split(","), strict=True))
    if ages:
        words |= dict(zip(AGE_YEARS, ages.split(","), strict=True))
    elif age in AGE_YEARS:
        words[age] = next(band for below, band in AGE_BANDS if submission.age_years < below)
    return words.get(gender, unknown), words.get(age, unknown)


def readme(submission: "Submission", rng: np.random.Generator) -> bytes:
    """The README as the submission's app writes it, with the submission's irregularity."""
    (gender, age), style = stated(submission), submission.style
    user, rate_hz = submission.user, rng.choice([16000, 44100, 48000])
    if style in WEB_APP:
        text = f"""User Name: {user}

Speaker Characteristics:

Gender: {gender}
Age Range: {age}
Language: {style[4:].upper()}
Native Speaker: {rng.choice(["Yes", "No"])}
Pronunciation dialect: Other - {rng.choice(["coastal", "mountain"])}
  sub-dialect: {rng.choice(["north", "south"])}
  first language: {rng.choice(["English", "German", "Spanish"])}

Recording Information:

Recording Location: {rng.choice(["home", "office"])}
Background Noise: {rng.choice(["None", "Fan"])}
Microphone make: n/a
Microphone type: {rng.choice(["Headset", "Laptop Built-in mic"])}

File Info:

File type: wav
Sample Rate: {rate_hz}
Sample Rate Format (bit depth): 16
Number of channels: 1
License: CC0
"""
    else:
        language = style[:2]
        gender_label, age_label = np.array(OLDER_APP[language].split(","))[[0, 3]]
        blank = "\t\t" if style == "en-tabs" else " "
        text = f"""User Name:{user}

Speaker Characteristics:

{gender_label}:{blank}{gender}
{age_label}:{blank}{age}
Language: {language.upper()}
Pronunciation dialect: {rng.choice(["New Zealand English", "Other", "unknown"])}

Recording Information:

Microphone make: n/a
Microphone type: {rng.choice(["Headset mic", "USB mic"])}
Audio card make: unknown
Audio card type: unknown
Audio Recording Software: VoxForge Speech Submission Application
O/S:

File Info:

File type: wav
Sampling Rate: {rate_hz}
Sample rate format: 16
Number of channels: 1
"""
    match submission.irregularity:
        case "Sex":
            text = text.replace("\nGender:", "\nSex:")
        case "capitals":
            text = text.replace(f"\nGender: {gender}", f"\nGENDER: {gender.upper()}")
        case "misspelt dialect":
            text = text.replace("Pronunciation", "Pronunication")
        case "semicolon":
            text = text.replace(f" {gender}\n", f" {gender};\n").replace(f" {age}\n", f" {age};\n")
        case "leading tabs":
            text = text.replace("\nGender", "\n\tGender").replace("\nAge", "\n\tAge")
        case "brackets":
            text = text.replace(f" {gender}\n", f" [{gender.lower()}]\n").replace(f" {age}\n", f" [{age.lower()}]\n")
        case "CRLF":
            text = text.replace("\n", "\r\n")
        case "Latin-1":
            return text.encode("latin-1")
    return text.encode()


# --- The plan: which speakers, which archives, what is wrong with them --------------------------------------------

ANONYMOUS = ("anonymous", "anonyme", "anonym", "anonimo")
UNLABELLED_SHARE = 0.05
ANONYMOUS_SHARE = 0.03
WHOLE_FAULTS = ("truncated", "corrupt", "no audio", "all silent", "inflates", "many members")
CLIP_FAULTS = ("empty", "header only", "unreadable", "silent", "too short", "too long", "not a number")
MEMBER_FAULTS = ("parent path", "absolute path", "symbolic link", "hard link", "device", "duplicate name")


@dataclass(frozen=True)
class Submission:
    """Everything that decides one archive's content, besides the corpus' seed.

    Attributes:
        name: of the archive, without .tgz.
        gender: what the README states: male, female, other, unknown, select or blank; age_group likewise.
        borrowed: a submission by another speaker, whose first clip stands in place of this one's first.
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


def generator(*names: object) -> np.random.Generator:
    """A random generator that depends on the names alone."""
    return np.random.default_rng(int.from_bytes(sha256("/".join(map(str, names)).encode()).digest()))


def plan(speakers: int, seed: int) -> list[Submission]:
    """All submissions, in the order of their names."""
    rng = generator(seed, "plan")
    by_speaker = [_submissions_of(number, classes, seed, rng) for number, classes in enumerate(_classes(speakers, rng))]

    # Speakers come shuffled, so that whatever the first ones get is independent of gender and age.
    unlabelled = max(1, round(UNLABELLED_SHARE * speakers))
    nameless = max(1, round(ANONYMOUS_SHARE * speakers))
    for number in range(unlabelled):
        value = ("unknown", "select", "other", "blank")[number % 4]
        by_speaker[number] = [replace(one, gender=value, age_group="unknown") for one in by_speaker[number]]
    for number in range(unlabelled, unlabelled + nameless):
        one, user = by_speaker[number][0], ANONYMOUS[number % len(ANONYMOUS)]
        by_speaker[number] = [replace(one, user=user, name=user + one.name[len(one.user) :])]
    contradictory, partly_blank = by_speaker[unlabelled + nameless], by_speaker[unlabelled + nameless + 1]
    other_gender = {"male": "female", "female": "male"}[contradictory[0].gender]
    contradictory[1] = replace(contradictory[1], gender=other_gender)
    partly_blank[1] = replace(partly_blank[1], gender="blank", age_group="select")

    # A speaker's last submission may be spoilt as a whole: another one remains.
    named = [all_ for number, all_ in enumerate(by_speaker) if not 0 <= number - unlabelled <= nameless + 1]
    for fault, submissions in zip(WHOLE_FAULTS, named[::-1], strict=False):
        submissions[-1] = replace(submissions[-1], faults=(fault,))
    submissions = [one for all_ in by_speaker for one in all_]
    order = list(rng.permutation(len(submissions)))
    sound = [at for at in order if not submissions[at].faults]
    for at, style in zip(order, _each_then_some(STYLES, ("en", "en-tabs", "web-en"), len(order), rng), strict=True):
        submissions[at] = replace(submissions[at], style=style)
    for at, irregularity in zip(sound, (*IRREGULARITIES, *rng.permutation(IRREGULARITIES)), strict=False):
        submissions[at] = _with_irregularity(submissions[at], str(irregularity))
    sound = list(rng.permutation(sound))
    for at, audio_format in zip(sound, _each_then_some(FORMATS, FORMATS[:1], len(sound), rng), strict=True):
        submissions[at] = replace(submissions[at], audio_format=audio_format)
    plain = [at for at in sound if submissions[at].audio_format == FORMATS[0]]
    for number, fault in enumerate((*CLIP_FAULTS, *MEMBER_FAULTS)):
        at = sound[-1 - number % len(sound)]
        submissions[at] = replace(submissions[at], faults=(*submissions[at].faults, fault))
    for at in plain[:2]:
        lender = next(one for one in submissions if one.user != submissions[at].user and one.audio_format == FORMATS[0])
        submissions[at] = replace(submissions[at], borrowed=lender)
    return sorted(submissions, key=lambda one: one.name)


def _classes(speakers: int, rng: np.random.Generator) -> list[tuple[str, str]]:
    """Gender and age group of each speaker, shuffled: 60:40 male to female, 30:60:30 youth, adult, senior in each."""
    men = round(0.6 * speakers)
    ages = ("adult", "youth", "adult", "senior")
    classes = [
        ("male" if one < men else "female", ages[(one if one < men else one - men) % 4]) for one in range(speakers)
    ]
    return [classes[at] for at in rng.permutation(speakers)]


def _submissions_of(number: int, classes: tuple[str, str], seed: int, rng: np.random.Generator) -> list[Submission]:
    """Two to four plain submissions by a new speaker."""
    gender, age_group = classes
    own = generator(seed, "speaker", number)
    letters = "abcdefghijklmnopqrstuvwxyz"
    syllables = own.choice(["ka", "lo", "mi", "ren", "so", "tan", "vi", "zu", "bel", "dor", "fa", "gi"], 3)
    user, day = f"{''.join(syllables)}{number}", date(2006, 1, 1) + timedelta(days=int(own.integers(5000)))
    age_years = int(own.integers(AGE_YEARS[age_group][0], AGE_YEARS[age_group][1] + 1))
    voice = draw_voice(gender, age_group, age_years, own)
    submissions = []
    for _ in range(own.integers(2, 5)):
        name = f"{user}-{day:%Y%m%d}-{''.join(own.choice(list(letters), 3))}"
        part = ("one", "two")[number % 2]
        submissions.append(Submission(name, user, voice, age_years, gender, age_group, part))
        day += timedelta(days=int(own.integers(1, 60)))
    return submissions


def _each_then_some(values: Sequence, usual: Sequence, count: int, rng: np.random.Generator) -> list:
    """Every value once, as far as `count` goes, then as many usual ones as any."""
    values = [values[at] for at in rng.permutation(len(values))]
    more = (values if rng.random() < 0.25 else usual for _ in range(count))
    values += [choices[rng.integers(len(choices))] for choices in more]
    return values[:count]


def _with_irregularity(submission: Submission, irregularity: str) -> Submission:
    if irregularity == "odd suffix":
        return replace(submission, name=submission.name[:-3] + "vf1", irregularity=irregularity)
    return replace(submission, style="de" if irregularity == "Latin-1" else "en", irregularity=irregularity)


# --- Archives -----------------------------------------------------------------------------------------------------


def render_clip(submission: Submission, number: int, seed: int) -> np.ndarray:
    """Samples of one clip at 16 kHz, -1 to 1."""
    rng = generator(seed, submission.name, "clip", number)
    equipment = draw_equipment(generator(seed, submission.name, "equipment"))
    voice = submission.voice
    seconds = rng.uniform(2, 4)
    f0_hz = voice.f0_hz * np.exp(F0_CLIP_SPREAD * rng.standard_normal())
    voice = replace(
        voice, formant_scale=float(voice.formant_scale * np.exp(FORMANT_CLIP_SPREAD * rng.standard_normal()))
    )
    phones = phones_of(voice, seconds, rng)
    return record(speak(phones, f0_hz, voice, int(seconds * RATE_HZ), rng), equipment, rng)


def make_archive(submission: Submission, seed: int) -> bytes:
    """The bytes of one .tgz file."""
    rng = generator(seed, submission.name, "texts")
    name, irregularity, faults = submission.name, submission.irregularity, submission.faults
    utterances = [f"a{number:04d}" for number in sorted(rng.choice(9999, CLIPS + len(faults), replace=False))]
    texts = [PROMPTS[at] for at in rng.integers(len(PROMPTS), size=len(utterances))]
    members = []
    if irregularity != "no README":
        members.append((irregularity if irregularity in ("readme", "Readme") else "README", readme(submission, rng)))
    if irregularity != "no PROMPTS":
        prompts = (
            f"{name}/mfc/{utterance} " + re.sub(r"[^\w' ]", "", text).upper() + "\n"
            for utterance, text in zip(utterances, texts, strict=True)
        )
        members.append(("prompts" if irregularity == "prompts" else "PROMPTS", "".join(prompts).encode()))
    original = "".join(f"{utterance} {text}\n" for utterance, text in zip(utterances, texts, strict=True))
    members.append(("prompts-original", original.encode()))
    members.append(("HDMan_log", b"HDMan made no log: these clips were never spoken.\n"))
    members = [(f"{name}/etc/{file}", content) for file, content in members]
    members.append((f"{name}/LICENSE", LICENCE.format(part=submission.part).encode()))
    container = submission.audio_format[0]
    folder = f"{name}/{container}"
    if "inflates" in faults:
        members.append((f"{folder}/{utterances[0]}.wav", wav_file(np.zeros((16_000_000, 1)), "PCM_16", RATE_HZ)))
    elif "no audio" not in faults:
        for number, utterance in enumerate(utterances[:CLIPS]):
            if "all silent" in faults:
                content = faulty_file("silent")
            elif submission.borrowed and number == 0:
                content = audio_file(render_clip(submission.borrowed, 0, seed), submission.audio_format)
            else:
                content = audio_file(render_clip(submission, number, seed), submission.audio_format)
            members.append((f"{folder}/{utterance}.{container}", content))
    for fault, utterance in zip(faults, utterances[CLIPS:], strict=True):
        if fault in CLIP_FAULTS:
            members.append((f"{folder}/{utterance}.wav", faulty_file(fault)))
    if "many members" in faults:
        members += [(f"{name}/etc/log-{number}", b"") for number in range(5200)]
    return _gzip(_tar(members, faults, folder), faults)


def _tar(members: list[tuple[str, bytes]], faults: tuple[str, ...], folder: str) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as tar:

        def add(path: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE, target: str = "") -> None:
            info = tarfile.TarInfo(path)
            info.size, info.type, info.linkname = len(content), kind, target
            tar.addfile(info, io.BytesIO(content))

        for path, content in members:
            add(path, content)
        clip = faulty_file("too short")
        for fault in faults:
            match fault:
                case "parent path":
                    add("../x.wav", clip)
                case "absolute path":
                    add("/tmp/x.wav", clip)
                case "symbolic link":
                    add(f"{folder}/link.wav", kind=tarfile.SYMTYPE, target="/etc/passwd")
                case "hard link":
                    add(f"{folder}/hard.wav", kind=tarfile.LNKTYPE, target="../../x.wav")
                case "device":
                    add(f"{folder}/device.wav", kind=tarfile.CHRTYPE)
                case "duplicate name":
                    add(members[-1][0], clip)
    return file.getvalue()


def _gzip(content: bytes, faults: tuple[str, ...]) -> bytes:
    packed = gzip.compress(content, compresslevel=1, mtime=0)
    if "truncated" in faults:
        return packed[: len(packed) * 2 // 3]
    if "corrupt" in faults:
        middle = len(packed) // 2
        return packed[:middle] + bytes(64) + packed[middle + 64 :]
    return packed


# --- The corpus ---------------------------------------------------------------------------------------------------


class Corpus:
    """The demo corpus behind the protocol of voicetraits.corpus."""

    max_failed_share = 0.0

    def __init__(self, params: Params) -> None:
        self.params = params
        self.limit = params.limit

    @cached_property
    def _submissions(self) -> dict[str, Submission]:
        return {f"{one.name}.tgz": one for one in plan(self.params.speakers, self.params.seed)}

    def list_archives(self) -> list[Archive]:
        """Every archive; sizes are about right."""
        return [Archive(name, "demo", ARCHIVE_BYTES) for name in self._submissions]

    def is_stored(self, archive: Archive, store: Store) -> bool:
        """Whether the archive was made before."""
        return store.get("demo", self._key(archive)) is not None

    def fetch(self, archives: Sequence[Archive], *, store: Store, workers: int | None) -> Iterator[Fetched]:
        """Make the archives that the store does not have, in worker processes."""
        tasks = [(self._submissions[archive.name], self._key(archive)) for archive in archives]
        made = map_in_workers(
            partial(_get_or_make, store, self.params.seed), tasks, workers=workers, description="demo", unit="archive"
        )
        for archive, path in zip(archives, made, strict=True):
            yield Fetched(archive, path, sha256_of(path))

    def _key(self, archive: Archive) -> str:
        content = repr(self._submissions[archive.name])
        return make_key(versions=("numpy", "scipy", "soundfile"), submission=content, seed=self.params.seed)


def _get_or_make(store: Store, seed: int, task: tuple[Submission, str]) -> Path:
    submission, key = task
    file = f"{submission.name}.tgz"
    entry = store.get_or_make("demo", key, lambda folder: (folder / file).write_bytes(make_archive(submission, seed)))
    return entry / file
