"""Many clients of the service at once, as busy as they may be."""

import http.client
import random
import threading
import time
from collections import Counter
from collections.abc import Sequence

_TIMEOUT_SECONDS = 60.0


class Client:
    """One connection to a server on this machine, kept open."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_SECONDS)

    def get(self, path: str) -> str:
        """The body of an answer."""
        self._connection.request("GET", path)
        return self._connection.getresponse().read().decode()

    def predict(self, sound: bytes, query: str = "") -> tuple[int, str, str | None]:
        """Status, body, and after how many seconds to come again."""
        headers = {"Content-Type": "application/octet-stream"}
        self._connection.request("POST", f"/v1/predict{query}", sound, headers)
        response = self._connection.getresponse()
        return response.status, response.read().decode(), response.getheader("Retry-After")

    def figure(self, name: str) -> float:
        """Sum of the metrics whose line begins with this."""
        return sum(float(line.split()[-1]) for line in self.get("/metrics").splitlines() if line.startswith(name))


class Load:
    """Clients that ask one after the other, each in a thread, from now on for so many seconds.

    Args:
        sounds: files; a client asks about one of them.

    Attributes:
        statuses: how often each came.
        answer_seconds: from a request to its answer, of those that got one.
        errors: of clients that gave up.
    """

    def __init__(self, port: int, sounds: Sequence[bytes], *, clients: int, seconds: float) -> None:
        self.statuses: Counter[int] = Counter()
        self.answer_seconds: list[float] = []
        self.errors: list[str] = []
        self.end = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._ask, args=(port, sounds[number % len(sounds)], random.Random(number)))
            for number in range(clients)
        ]
        for thread in self._threads:
            thread.start()

    def wait(self) -> None:
        """Until all clients are done."""
        for thread in self._threads:
            thread.join()

    def _ask(self, port: int, sound: bytes, rng: random.Random) -> None:
        try:
            client = Client(port)
            while time.monotonic() < self.end:
                begin = time.monotonic()
                status, _, again = client.predict(sound)
                with self._lock:
                    self.statuses[status] += 1
                    if status == http.HTTPStatus.OK:
                        self.answer_seconds.append(time.monotonic() - begin)
                if status == http.HTTPStatus.TOO_MANY_REQUESTS:
                    time.sleep(float(again) * rng.uniform(0.2, 1))  # less patient than they are told to be
        except (OSError, http.client.HTTPException, TypeError, ValueError) as error:
            with self._lock:
                self.errors.append(repr(error))
