"""A gate for calls on other threads."""

import threading


class Gate:
    """A gate that blocks threads, and counts them."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.came = threading.Semaphore(0)

    def pass_through(self) -> str:
        self.came.release()
        assert self.open.wait(30)
        return threading.current_thread().name

    def wait_for(self, number: int) -> None:
        for _ in range(number):
            assert self.came.acquire(timeout=30)
