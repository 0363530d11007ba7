"""The page, in Gradio: record or drop a sound, read what a model says of it."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from fastapi import FastAPI

from voicetraits.errors import ModelError
from voicetraits.serving import fragments, page_inputs, uploads, words
from voicetraits.serving.engine import Engine
from voicetraits.serving.example import example_wav
from voicetraits.serving.problems import Kind, Problem

#: An upload that is not asked about goes after so long.
_OLDEST_SECONDS, _SWEEP_SECONDS = 60.0, 15.0
_STYLE = Path(__file__).with_name("page.css")
_TITLE = "voicetraits"
_INTRODUCTION = """<div class="vt"><h1>What would this voice be labelled?</h1>
<p>Record a few seconds, or drop a file. A model says how voices like it are <b>labelled</b> in the data it learnt from,
or why it gives no answer. It does not say who somebody is. Sounds stay on the machine that runs this page, and are
deleted once they are answered.</p></div>"""
_LIMITS = """<h2>What this is not for</h2><p>Not for deciding about a person, identifying anybody, or inferring what
people did not tell: access, hiring, policing, pricing, moderation. Gender labels here are two, because the sources
offered two. Age groups are coarse, and voices tell age badly. How sure a model is was measured on speakers like those
it learnt from, and holds for no others. Children, illness, singing, and languages, rooms and microphones that the
training data lacks are not covered.</p>"""
#: Screen readers say what comes into these by itself.
_ON_LOAD = """() => { document.getElementById("answer")?.setAttribute("aria-live", "polite") }"""


def mount(app: FastAPI, engine: Engine) -> None:
    """Put the page at `/`.

    Raises:
        ModelError: Gradio is missing.
    """
    folder = uploads.make_folder()
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_OFFLINE"] = "1"
    try:
        import gradio
    except ImportError:
        raise ModelError("the page needs Gradio: start it with `make app`, or leave it out with --no-page") from None
    # Fonts of the system: Gradio's own come from another host.
    theme = gradio.themes.Default(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])
    gradio.mount_gradio_app(
        app,
        _blocks(gradio, engine, folder),
        path="/",
        footer_links=[],
        max_file_size=engine.settings.max_body_bytes,
        ssr_mode=False,
        theme=theme,
        css_paths=[_STYLE],
        js=_ON_LOAD,
    )
    app.router.lifespan_context = _sweeping(app.router.lifespan_context, folder)


def _blocks(gradio, engine: Engine, folder: Path):
    hear = _Hearing(engine, folder)
    with gradio.Blocks(title=_TITLE, analytics_enabled=False) as blocks:
        gradio.HTML(_INTRODUCTION)
        choices = [(words.model_of(name), name) for name in engine.models]
        model = gradio.Radio(choices, value=engine.default, label="Model to ask", elem_id="model")
        with gradio.Row():
            recorder = gradio.Audio(
                sources=["microphone"], type="filepath", label="Record", elem_id="recorder", editable=False, buttons=[]
            )
            dropped = gradio.File(label="Or drop a file", elem_id="file", type="filepath", height=160)
        example = gradio.Button("Try an example voice (made by a program)", elem_id="example")
        answer = gradio.HTML(elem_id="answer")
        details = gradio.HTML(elem_id="details")
        about = f"<h2>What the models learnt from</h2><p>{words.trained_on(engine.training_set)}</p>{_LIMITS}"
        service = '<p><small>For programs: <a href="docs">POST /v1/predict</a></small></p>'
        gradio.HTML(f'<div class="vt">{about}{service}</div>')
        common = {
            "outputs": [answer, details],
            "api_visibility": "private",
            "concurrency_limit": engine.settings.concurrent,
            "show_progress": "minimal",
        }
        # Not when recording stops: on a busy machine that may come before the recording has been sent.
        recorder.change(hear.recording, [recorder, model], **common)
        dropped.upload(hear.file, [dropped, model], **common).then(
            lambda: None, None, dropped, api_visibility="private", show_progress="hidden"
        )
        example.click(hear.example, [model], **common)
    blocks.queue(default_concurrency_limit=engine.settings.concurrent)
    page_inputs.confine(blocks, folder)
    return blocks


class _Hearing:
    """What the page's events call; each gives the answer first, and pictures when they are drawn."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._engine, self._folder = engine, folder

    async def recording(self, path: str | None, model: str) -> AsyncIterator[tuple[str, str]]:
        async for shown in self._upload(path, model, "Your recording"):
            yield shown

    async def file(self, path: str | None, model: str) -> AsyncIterator[tuple[str, str]]:
        async for shown in self._upload(path, model, Path(path).name if path else ""):
            yield shown

    async def example(self, model: str) -> AsyncIterator[tuple[str, str]]:
        wav = example_wav()
        async for answer, details in self._hear(wav, model, "An example made by a program"):
            yield fragments.player(wav) + answer, details

    async def _upload(self, path: str | None, model: str, name: str) -> AsyncIterator[tuple[str, str]]:
        if path is None:
            return
        try:
            sound = uploads.take(Path(path), self._folder)
        except FileNotFoundError:
            yield fragments.problem("This sound is gone: they are not kept. Record it or drop it again."), ""
            return
        async for shown in self._hear(sound, model, name):
            yield shown

    async def _hear(self, sound: bytes, model: str, name: str) -> AsyncIterator[tuple[str, str]]:
        engine = self._engine
        try:
            with engine.place("page"):
                if model not in engine.models:
                    raise Problem(Kind.MALFORMED, f"no model is called {model!r}")
                predicted = await engine.predict(model, sound, segments=True, via="page")
                classes = {target: config.classes for target, config in engine.models[model].configs.items()}
                remark = words.SYNTHETIC if engine.training_set.is_synthetic else ""
                labels = words.labels_of(engine.training_set)
                answer = fragments.answers(
                    predicted.prediction, classes, name=name, model=model, labels=labels, remark=remark
                )
                yield answer, fragments.note("Drawing pictures …")
                try:
                    looked = await engine.look(model, sound)
                except Problem as problem:
                    yield answer, fragments.problem(f"No pictures. {words.problem_of(problem)}")
                    return
        except Problem as problem:
            yield fragments.problem(words.problem_of(problem)), ""
            return
        seconds = predicted.prediction["duration_seconds"]
        yield answer, fragments.looks(looked, duration_seconds=seconds, labels=labels)


def _sweeping(lifespan, folder: Path):
    """A lifespan that also removes what nobody asked about, and in the end the folder."""

    @asynccontextmanager
    async def swept(app: FastAPI) -> AsyncIterator:
        async def sweep() -> None:
            while True:
                await asyncio.sleep(_SWEEP_SECONDS)
                await asyncio.to_thread(uploads.remove_old, folder, _OLDEST_SECONDS)

        sweeper = asyncio.create_task(sweep())
        try:
            async with lifespan(app) as state:
                yield state
        finally:
            sweeper.cancel()
            with suppress(asyncio.CancelledError):
                await sweeper
            shutil.rmtree(folder, ignore_errors=True)

    return swept
