"""voicenet: our own net, small, on log-mel frames of a clip of any length.

    clip (t, m) log-mel in dB, m = 64, no level lower than 80 dB below the clip's highest: silence, and bands that a
                telephone or a low rate does not have, look alike
    standardise each band -> less the clip's mean spectrum, smoothed over 15 bands: the colour of microphone and room
                goes, the harmonics of the voice stay                        (t, m)
    conv2d 3x3, 16, stride (2, 2) -> norm -> relu                            (t/2, m/2, 16)
    conv2d 3x3, 32, stride (1, 2) -> norm -> relu                            (t/2, m/4, 32): small shifts in frequency,
                                                                             of pitch or of formants, change little
    bands into channels, dense c -> norm -> relu                             (t/2, c), c = 128
    `blocks` times: conv 3, c -> norm -> relu -> squeeze and excitation -> + (t/2, c)
    attentive statistics pooling: mean and deviation, weighted over time     (2c,)
    dropout -> dense e -> relu -> dropout -> dense -> softmax                (classes,)

Convolutions see zeros beyond a clip's ends, and means leave padding out: a clip's answer does not change with what is
padded. At the default setting 270,098 parameters with two classes.

Sources: convolutions over time as in x-vectors (Snyder et al. 2018) and ECAPA-TDNN (Desplanques et al. 2020), which has
squeeze and excitation too; attentive statistics pooling (Okabe et al. 2018).
"""

from typing import Annotated

import keras
from keras import layers, ops
from pydantic import Field

from voicetraits.front_ends.log_mel import FrontEnd
from voicetraits.models.net_module import CLIP, MASK, STANDARDISE
from voicetraits.params import section

_SQUEEZE = 32
_SMOOTHED_BANDS = 15
#: A small corpus has few steps in an epoch: the statistics that count after training must follow within one.
_NORM_MOMENTUM = 0.9


@section
class Params:
    """The net's own keys of `net.voicenet`."""

    mel_bands: Annotated[int, Field(ge=16, le=256, multiple_of=4)]
    frame_seconds: Annotated[float, Field(ge=0.005, le=0.25)]
    hop_seconds: Annotated[float, Field(ge=0.001, le=0.1)]
    range_db: Annotated[float, Field(ge=10, le=200)]
    channels: Annotated[int, Field(ge=8, le=1024)]
    blocks: Annotated[int, Field(ge=0, le=20)]
    embedding: Annotated[int, Field(ge=2, le=1024)]
    dropout: Annotated[float, Field(ge=0, lt=1)]


def front_end(params: Params) -> FrontEnd:
    """Log-mel frames, none far below the clip's loudest."""
    return FrontEnd(
        mel_bands=params.mel_bands,
        frame_seconds=params.frame_seconds,
        hop_seconds=params.hop_seconds,
        range_db=params.range_db,
    )


def build(params: Params, shape: tuple[int | None, ...], classes: int) -> keras.Model:
    """(frames, mel_bands) and the mask (frames,) -> (classes,)."""
    clip, clip_mask = keras.Input(shape, name=CLIP), keras.Input(shape[:1], name=MASK)
    x = layers.BatchNormalization(center=False, scale=False, trainable=False, name=STANDARDISE)(clip)
    x = _masked(x - _smoothed(_mean(x, clip_mask)), clip_mask)
    x = layers.Reshape((-1, shape[1], 1), name="picture")(x)  # (t, m, 1)
    mask = clip_mask[:, ::2]
    x = _conv_2d(x, mask, 16, strides=(2, 2), name="stem_1")  # (t/2, m/2, 16)
    x = _conv_2d(x, mask, 32, strides=(1, 2), name="stem_2")  # (t/2, m/4, 32)
    x = layers.Reshape((-1, x.shape[2] * x.shape[3]), name="bands_to_channels")(x)  # (t/2, 8m)
    x = layers.Dense(params.channels, use_bias=False, name="mix")(x)  # (t/2, c)
    x = _norm_relu(x, mask, "mix")
    for number in range(1, params.blocks + 1):
        x = _block(x, mask, params.channels, f"block_{number}")
    x = _attentive_statistics(x, mask, params.channels)  # (2c,)
    x = layers.Dropout(params.dropout, name="dropout_1")(x)
    x = layers.Dense(params.embedding, activation="relu", name="embedding")(x)
    x = layers.Dropout(params.dropout, name="dropout_2")(x)
    x = layers.Dense(classes, activation="softmax", name="probabilities")(x)
    return keras.Model([clip, clip_mask], x, name="voicenet")


def _smoothed(spectrum: keras.KerasTensor) -> keras.KerasTensor:
    """Mean over `_SMOOTHED_BANDS` around each band, the outermost bands repeated beyond the ends: (1, m) -> (1, m)."""
    reach = _SMOOTHED_BANDS // 2
    low, high = (ops.repeat(end, reach, axis=2) for end in (spectrum[:, :, :1], spectrum[:, :, -1:]))
    padded = layers.Concatenate(axis=2, name="spectrum_padded")([low, spectrum, high])
    bands = layers.Permute((2, 1), name="spectrum_bands")(padded)
    bands = layers.AveragePooling1D(_SMOOTHED_BANDS, strides=1, name="spectrum_smoothed")(bands)
    return layers.Permute((2, 1), name="colour")(bands)


def _conv_2d(
    x: keras.KerasTensor, mask: keras.KerasTensor, filters: int, *, strides: tuple[int, int], name: str
) -> keras.KerasTensor:
    """A 3x3 convolution over (time, bands); `mask` is that of its output."""
    # Padded here: with stride 2, "same" puts zeros before or behind, as the clip's length is odd or even.
    x = layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
    x = layers.Conv2D(filters, 3, strides=strides, use_bias=False, name=name)(x)
    return _norm_relu(x, mask, name)


def _block(x: keras.KerasTensor, mask: keras.KerasTensor, channels: int, name: str) -> keras.KerasTensor:
    """Convolution over time, then channels weighted by what the whole clip holds of them, beside what came in."""
    y = layers.Conv1D(channels, 3, padding="same", use_bias=False, name=name)(x)
    y = _norm_relu(y, mask, name)
    squeezed = layers.Dense(_SQUEEZE, activation="relu", name=f"{name}_squeeze")(_mean(y, mask))  # (1, 32)
    return x + y * layers.Dense(channels, activation="sigmoid", name=f"{name}_excite")(squeezed)


def _attentive_statistics(x: keras.KerasTensor, mask: keras.KerasTensor, channels: int) -> keras.KerasTensor:
    """Mean and deviation of each channel over time, weighted by an attention of its own."""
    scores = layers.Dense(_SQUEEZE, activation="tanh", name="attention_hidden")(x)
    scores = layers.Dense(channels, name="attention")(scores)  # (t/2, c)
    weights = ops.softmax(scores - 1e9 * (1 - mask[:, :, None]), axis=1)
    mean = ops.sum(weights * x, axis=1)  # (c,)
    variance = ops.sum(weights * ops.square(x - mean[:, None]), axis=1)
    return layers.Concatenate(name="statistics")([mean, ops.sqrt(variance + 1e-5)])


def _norm_relu(x: keras.KerasTensor, mask: keras.KerasTensor, name: str) -> keras.KerasTensor:
    # The statistics of the norm are those of frames alone, without padding.
    counted = mask if len(x.shape) == 3 else ops.repeat(mask[:, :, None], x.shape[2], axis=2)
    x = layers.BatchNormalization(momentum=_NORM_MOMENTUM, name=f"{name}_norm")(x, mask=ops.cast(counted, "bool"))
    return _masked(layers.Activation("relu", name=f"{name}_relu")(x), mask)


def _masked(x: keras.KerasTensor, mask: keras.KerasTensor) -> keras.KerasTensor:
    """Zeros where there is padding: what a convolution sees beyond the end of a clip that is not padded."""
    return x * (mask[:, :, None] if len(x.shape) == 3 else mask[:, :, None, None])


def _mean(x: keras.KerasTensor, mask: keras.KerasTensor) -> keras.KerasTensor:
    """Mean over time, (t, n) -> (1, n)."""
    mask = mask[:, :, None]
    return ops.sum(x * mask, axis=1, keepdims=True) / ops.sum(mask, axis=1, keepdims=True)
