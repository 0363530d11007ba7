"""Write one utterance to listen to: python src/listen.py <utterance_id> [out.wav]"""

import argparse
from pathlib import Path

from voicetraits import stage
from voicetraits.audio import SAMPLE_RATE_HZ
from voicetraits.listening import read_samples, write_wav


def main() -> None:
    parser = argparse.ArgumentParser(description="Write one utterance as a .wav to listen to.")
    parser.add_argument("utterance_id", help="<archive>/<utterance>, as in data/audio/clips.parquet")
    parser.add_argument("out", nargs="?", type=Path, help="default: <archive>-<utterance>.wav, here")
    arguments = parser.parse_args()
    samples = read_samples(Path("data/audio"), arguments.utterance_id)
    out = arguments.out or Path(f"{arguments.utterance_id.replace('/', '-')}.wav")
    write_wav(samples, out)
    print(f"{out}: {len(samples) / SAMPLE_RATE_HZ:.2f} s of {arguments.utterance_id}")


if __name__ == "__main__":
    stage.run(main)
