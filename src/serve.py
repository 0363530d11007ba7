"""Serves saved models on a web page and to programs: make app (python src/serve.py --help lists the settings)."""

import os

# Before numpy is loaded, and for the workers: a core each, and the same numbers on any machine.
os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

from pathlib import Path
from typing import Annotated

import typer

from voicetraits import stage
from voicetraits.serving.settings import Settings

MEBIBYTE = 1 << 20
#: What memory and timers bear; infinity is beyond.
MOST_MEBIBYTES, DAY_SECONDS = 4096, 86_400


def serve(
    models: Annotated[Path, typer.Option(help="a folder of models, or of one kind of them")] = Path("data/models"),
    host: Annotated[str, typer.Option(help="address to listen at; any but this machine's own needs a token")] = (
        Settings.host
    ),
    port: Annotated[int, typer.Option(min=1, max=65535)] = Settings.port,
    page: Annotated[bool, typer.Option(help="whether to serve the page as well")] = Settings.page,
    workers: Annotated[int, typer.Option(min=1, help="processes that decode and predict")] = Settings.workers,
    concurrent: Annotated[int, typer.Option(min=1, help="requests at a time; more get 429")] = Settings.concurrent,
    max_body_mib: Annotated[
        float, typer.Option(min=0.001, max=MOST_MEBIBYTES, help="MiB of a request; more get 413")
    ] = (Settings.max_body_bytes / MEBIBYTE),
    max_audio_seconds: Annotated[float, typer.Option(min=1, max=DAY_SECONDS, help="of a sound; more get 413")] = (
        Settings.max_audio_seconds
    ),
    upload_seconds: Annotated[
        float, typer.Option(min=0.1, max=DAY_SECONDS, help="for a body to arrive; more get 408")
    ] = (Settings.upload_seconds),
    work_seconds: Annotated[
        float, typer.Option(min=0.1, max=DAY_SECONDS, help="to decode and predict; more get 503")
    ] = (Settings.work_seconds),
) -> None:
    """Serve a page and /v1/predict. VOICETRAITS_TOKEN, if set, is what clients must show."""
    settings = Settings(
        models=models,
        host=host,
        port=port,
        token=os.environ.pop("VOICETRAITS_TOKEN", None) or None,  # workers need not know
        page=page,
        workers=workers,
        concurrent=concurrent,
        max_body_bytes=round(max_body_mib * MEBIBYTE),
        max_audio_seconds=max_audio_seconds,
        upload_seconds=upload_seconds,
        work_seconds=work_seconds,
    )
    from voicetraits.serving.running import run  # here, since each worker loads this file again, and needs none of it

    run(settings)


def main() -> None:
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(serve)
    app()


if __name__ == "__main__":
    stage.run(main)
