"""Tasks on the workers of a Dask cluster: the only importer of distributed.

Workers see the archive under the same path, run the same version, and get plain data. A worker that is lost
loses its task only: the scheduler gives it to another.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from cloud.insight.tasks import AHEAD, Failed, Tell, again, silent, upto
from cloud.kit.errors import Conflict, Invalid

T = TypeVar("T")
R = TypeVar("R")
CONNECT_S = 10.0


class Cluster:
    """An `Engine` on the scheduler at `address`, like tcp://10.0.0.5:8786."""

    def __init__(self, address: str, timeout_s: float = CONNECT_S) -> None:
        """Invalid: distributed is not installed, or no address is given."""
        try:
            import distributed  # noqa: F401 - it is asked for before any work is
        except ImportError:
            raise Invalid(
                'analysis.engine: "dask" needs the extra `cluster`: pip install "wattpost[cluster]"'
            ) from None
        if not address:
            raise Invalid('analysis.scheduler: "dask" needs its address, like tcp://10.0.0.5:8786')
        self._address, self._timeout_s = address, timeout_s

    def map(
        self, work: Callable[[T], R], tasks: Iterable[T], *, tell: Tell = silent
    ) -> Iterator[tuple[T, R]]:
        """As `Engine.map`. Conflict: nobody answers at the address, or there is no worker."""
        from distributed import as_completed

        failed: list[Failed[T]] = []
        rest, begun = iter(tasks), dict[Any, T]()
        with self._client() as client:
            done = as_completed(loop=client.loop, raise_errors=False)
            while True:
                for task in upto(rest, AHEAD * _threads(client) - len(begun)):
                    future = client.submit(work, task, pure=False)
                    begun[future] = task
                    done.add(future)
                if not begun:
                    break
                future = next(done)
                task, why = begun.pop(future), _why(future)
                if why is not None:
                    failed.append(Failed(task, why))
                    continue
                yield task, future.result()
                future.release()
                tell(1)
            yield from again(failed, lambda task: _alone(client, work, task), tell)

    def warm(self, work: Callable[[], object]) -> int:
        """Call it once on every worker, as kernels are compiled or loaded there; how many there are."""
        with self._client() as client:
            workers = list(client.scheduler_info(n_workers=-1)["workers"])
            asked = [client.submit(work, workers=[each], pure=False) for each in workers]
            client.gather(asked)
        return len(workers)

    @contextmanager
    def _client(self) -> Iterator[Any]:
        from distributed import Client

        try:
            client = Client(self._address, timeout=self._timeout_s, set_as_default=False)
        except (OSError, ValueError) as error:
            raise Conflict(f"analysis.scheduler: {self._address} does not answer: {error}") from error
        with client:
            if not _threads(client):
                raise Conflict(f"analysis.scheduler: {self._address} has no worker")
            yield client


def _threads(client: Any) -> int:
    return sum(client.nthreads().values())


def _why(future: Any) -> Exception | None:
    """What a task raised; None when it went well."""
    if future.status == "finished":
        return None
    if future.status == "cancelled":
        return ConnectionError("the scheduler lost it")
    found = future.exception()
    return _told(found) if isinstance(found, Exception) else RuntimeError(repr(found))


def _alone(client: Any, work: Callable[[T], R], task: T) -> R:
    try:
        result: R = client.submit(work, task, pure=False).result()
    except Exception as error:
        raise _told(error) from error
    return result


def _told(error: Exception) -> Exception:
    from distributed.scheduler import KilledWorker

    if isinstance(error, KilledWorker):  # it was done again already, on other workers
        return Conflict(f"its worker ended, again and again: {' '.join(str(error).split())[:200]}")
    return error
