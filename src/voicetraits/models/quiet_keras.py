"""Keras on TensorFlow, imported without the notes that TensorFlow logs.

from voicetraits.models.quiet_keras import keras
"""

import os

from voicetraits.native_output import held_back

os.environ["KERAS_BACKEND"] = "tensorflow"  # whatever the user's own keras.json says
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # notes on CUDA that nobody need act on
with held_back():
    import keras

__all__ = ["keras"]
