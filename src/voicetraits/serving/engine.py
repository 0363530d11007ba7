"""What service and page have in common: a sound goes in, an answer or a problem comes out, all of it counted."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import anyio

from voicetraits.errors import DataError, ModelError
from voicetraits.serving.catalogue import default_of, models_in
from voicetraits.serving.figures import Figures
from voicetraits.serving.pool import Crashed, Failed, Pool, TimedOut
from voicetraits.serving.problems import Kind, Problem
from voicetraits.serving.settings import Settings
from voicetraits.serving.sniffing import KINDS, kind_of
from voicetraits.serving.tasks import Look, Looked, Predict, Predicted, TooLongError
from voicetraits.serving.training_set import TrainingSet

#: A minute as a wav file of 16 kHz, a few minutes as MP3: what is larger may take seconds.
_LONG_BYTES = 2_000_000


class Engine:
    """Answers for one server.

    Attributes:
        models: by name.
        default: the name of the model that is asked where nobody says which.
        training_set: what they learnt from.
        figures: what was counted.

    Raises:
        ModelError: there is no model.
    """

    def __init__(self, settings: Settings, training_set: TrainingSet) -> None:
        self.settings, self.training_set = settings, training_set
        self.models = models_in(settings.models)
        self.default = default_of(self.models)
        self._pool = Pool(
            settings.workers,
            {name: model.folder for name, model in self.models.items()},
            self.default,
            max_audio_seconds=settings.max_audio_seconds,
            work_seconds=settings.work_seconds,
        )
        self.figures = Figures(self.models, training_set, lambda: self._pool.restarts)
        self._under_way, self._held_bytes = 0, 0
        self._threads: anyio.CapacityLimiter | None = None

    def wait_until_ready(self) -> None:
        """Until all workers take tasks; raises ModelError if one cannot."""
        self._pool.wait_until_ready()

    def processes(self) -> list[int]:
        """The ids of the workers' processes."""
        return self._pool.processes()

    def close(self) -> None:
        """Stop the workers."""
        self._pool.close()

    @contextmanager
    def held(self) -> Iterator[Callable[[int], None]]:
        """Counts a body that is being sent, with all others that are: it is held in memory until it is answered.

        Yields:
            takes how many bytes have come; raises Problem where all together are more than the places' largest bodies.
        """
        own = 0

        def hold(count: int) -> None:
            nonlocal own
            own += count
            self._held_bytes += count
            if self._held_bytes > self.settings.concurrent * self.settings.max_body_bytes:
                self.figures.count_problem("service", Kind.BUSY)
                raise Problem(Kind.BUSY, "as much is being sent as may be at a time; come again")

        try:
            yield hold
        finally:
            self._held_bytes -= own

    def require_place(self, via: str) -> None:
        """Check that there is a place; args and errors as of `place`."""
        with self.place(via):
            pass

    @contextmanager
    def place(self, via: str) -> Iterator[None]:
        """One of the places for requests that are worked on.

        Args:
            via: service or page, for the figures.

        Raises:
            Problem: all are taken.
        """
        if self._under_way >= self.settings.concurrent:
            self.figures.count_problem(via, Kind.BUSY)
            raise Problem(Kind.BUSY, f"{self._under_way} requests are being worked on, which is all; come again")
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    async def predict(self, model: str, sound: bytes, *, segments: bool, via: str) -> Predicted:
        """Answer on a file's bytes; whoever calls has a place.

        Args:
            via: as of `place`.

        Raises:
            Problem: there is no answer.
        """
        begin = time.monotonic()
        try:
            predicted = await self._run(Predict(model, sound, segments))
        except Problem as problem:
            self.figures.count_problem(via, problem.kind)
            raise
        self.figures.count_prediction(via, model, time.monotonic() - begin, predicted.prediction, predicted.shifts)
        return predicted

    async def look(self, model: str, sound: bytes) -> Looked:
        """Pictures and explanations; args and errors as of `predict`."""
        return await self._run(Look(model, sound))

    async def _run(self, task: Predict | Look) -> Predicted | Looked:
        if kind_of(task.sound) is None:
            raise Problem(Kind.NOT_AUDIO, f"this is no sound that is decoded here; send {', '.join(KINDS)}")
        if self._threads is None:
            self._threads = anyio.CapacityLimiter(self.settings.concurrent)
        try:
            run = partial(self._pool.run, task, is_long=len(task.sound) > _LONG_BYTES)
            return await anyio.to_thread.run_sync(run, limiter=self._threads)
        except TooLongError as error:
            raise Problem(Kind.TOO_LONG, str(error)) from None
        except DataError as error:
            raise Problem(Kind.UNREADABLE, str(error)) from None
        except ModelError as error:
            raise Problem(Kind.UNAVAILABLE, str(error)) from None
        except TimedOut as error:
            raise Problem(Kind.TIMED_OUT, f"{error}; send a shorter stretch, or come again") from None
        except Crashed as error:
            raise Problem(Kind.CRASHED, f"{error}; another has taken its place") from None
        except Failed as error:
            print(error, file=sys.stderr)  # our code's lines alone: nothing of the sound
            raise Problem(Kind.FAILED, "an error of the server's, which its log tells of") from None
