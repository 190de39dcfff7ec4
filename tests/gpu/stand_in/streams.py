"""Streams and graphs: capture records what would run, a replay runs it on the same addresses."""

import itertools
import threading

from tests.gpu.stand_in.device import DEVICE, CUDARuntimeError

_pointers = itertools.count(1)
_current = threading.local()


class Stream:
    """A queue of work, which the stand-in does at once."""

    def __init__(self, null=False, non_blocking=False):
        self.ptr = 0 if null else next(_pointers)
        self.non_blocking = non_blocking
        self._before = []

    def use(self):
        _current.stream = self
        return self

    def __enter__(self):
        self._before.append(get_current_stream())
        return self.use()

    def __exit__(self, *error):
        _current.stream = self._before.pop()

    def synchronize(self):
        DEVICE.wait()

    def begin_capture(self, mode=None):
        if not self.ptr:
            raise CUDARuntimeError("cudaErrorStreamCaptureUnsupported", "the null stream")
        if get_current_stream() is not self:
            raise AssertionError("work would go to another stream than the captured one")
        if DEVICE.captured is not None:
            raise CUDARuntimeError("cudaErrorIllegalState", "a capture is under way")
        DEVICE.capturing, DEVICE.captured, DEVICE.invalidated = self.ptr, [], False

    def end_capture(self):
        nodes, DEVICE.captured, DEVICE.capturing = DEVICE.captured, None, 0
        if nodes is None:
            raise CUDARuntimeError("cudaErrorIllegalState", "no capture is under way")
        if DEVICE.invalidated:
            raise CUDARuntimeError("cudaErrorStreamCaptureInvalidated", "capture was invalidated")
        return Graph(nodes)


_NULL = Stream(null=True)


def get_current_stream():
    return getattr(_current, "stream", _NULL)


DEVICE.stream_of_thread = lambda: get_current_stream().ptr


class Graph:
    """What was captured."""

    def __init__(self, nodes):
        self.nodes = nodes

    def launch(self, stream=None):
        if DEVICE.records():
            raise AssertionError("a graph is launched inside a capture")
        DEVICE.counts.replays += 1
        for node in self.nodes:
            DEVICE.run(node)

    def upload(self, stream=None):
        pass
