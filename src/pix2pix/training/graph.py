"""The fast engine: a step's body (`body.py`) captured once as a CUDA graph, and replayed.

It is captured in several manners; each capture is compared with the uncaptured step, and the one
that replays fastest is kept. On the processor the body runs as it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import torch

from pix2pix.data.feed import Packet
from pix2pix.device import is_out_of_memory, on_device
from pix2pix.training.body import Body, find_manner
from pix2pix.training.capture import (
    APART,
    Before,
    apart,
    capture,
    has_room,
    in_short,
    run_on,
    seconds_a_replay,
    set_for_capture,
)
from pix2pix.training.engine import EngineName, Setting
from pix2pix.training.twin import Manner

_WARM_UPS = 3

_Captured = tuple[float, Manner, torch.cuda.CUDAGraph]  # and how many seconds a replay takes


class GraphEngine:
    """The step of `step.plain_step`, in another order of work."""

    name: EngineName = "graph"

    def __init__(self, setting: Setting, manner: Manner | None = None) -> None:
        self.setting, self._given = setting, manner is not None
        self.body = Body(setting, manner or find_manner(setting))
        self._graph: torch.cuda.CUDAGraph | None = None

    def prepare(self, packet: Packet, say: Callable[[str], None]) -> None:
        """Warm up on a side stream, capture, put everything back as it was."""
        self.refresh()  # a state may have been taken up since the copies were made
        if self.setting.device.type != "cuda":
            return
        began = time.monotonic()
        say("capturing the step; the first time on a machine its kernels are compiled")
        with on_device(self.setting.device), set_for_capture():
            self.body.load(packet)
            # Before what is done in lanes, where both are ready.
            stream = torch.cuda.Stream(priority=-1)  # type: ignore[no-untyped-call]
            before = Before(self.setting.state, self.setting.meter)
            self._warm_up(stream, say)
            self._put_back(before)
            found = self._capture_fastest(stream, before, say)
            torch.cuda.empty_cache()  # of what was tried and is not kept
        if found is None:
            say("the step is not captured and is slower")
            return
        seconds, manner, self._graph = found
        say(
            f"captured in {time.monotonic() - began:.1f} s: {seconds * 1000:.2f} ms a step{manner.in_words()}"
        )

    def _warm_up(self, stream: torch.cuda.Stream, say: Callable[[str], None]) -> None:
        """What is compiled and chosen in the first passes."""
        try:
            run_on(stream, self.body.run, _WARM_UPS)
        except Exception as error:
            if not self.body.compiled or is_out_of_memory(error):
                raise
            why = in_short(error)
            say(f"torch.compile failed, so the step is captured without it and is slower: {why}")
            self.body.take(compiled=False)
            run_on(stream, self.body.run, _WARM_UPS)

    def _capture_fastest(
        self, stream: torch.cuda.Stream, before: Before, say: Callable[[str], None]
    ) -> _Captured | None:
        """Capture in each manner; the fastest, of those that step as the step does uncaptured."""
        start = self.body.weights()
        run_on(stream, self.body.run)
        wanted = self.body.weights()
        best: _Captured | None = None
        for manner in self._manners():
            if best is not None and not has_room(self.setting.device, before.reserved):
                say("note: there is no memory to try whether another manner is faster")
                break
            try:
                graph = self._captured(manner, stream, before)
                graph.replay()
                if (off := apart(start, wanted, self.body.weights())) > APART:
                    graph.reset()
                    raise RuntimeError(
                        f"the captured step{manner.in_words()} ends {off:.2f} steps away from "
                        "the uncaptured one, so it is not used"
                    )
                found = seconds_a_replay(graph, self.setting.device), manner, graph
            except Exception as error:
                if best is None and is_out_of_memory(error):
                    raise
                say(f"note: {in_short(error)}")
                continue
            best, other = (found, best) if best is None or found[0] < best[0] else (best, found)
            if other is not None:
                other[2].reset()  # its memory
        self.body.lay_out(best[1] if best else self.body.manner)
        self._put_back(before)
        return best

    def _captured(self, manner: Manner, stream: torch.cuda.Stream, before: Before) -> torch.cuda.CUDAGraph:
        self.body.lay_out(manner)
        run_on(stream, self.body.run)  # it may have kernels of its own
        self._put_back(before)
        return capture(stream, lambda: self.body.run())

    def _manners(self) -> list[Manner]:
        """In which the step is captured to see which is fastest; the first one needs least."""
        first, several = self.body.manner, self.setting.processes.world > 1
        # Several processes have to choose alike, and average what lanes would go on with.
        if self._given or several or not self.body.compiled:
            return [first]
        own = replace(first, own_adam=self.setting.precision == "bf16")
        return list(dict.fromkeys([first, own, replace(own, beside=True)]))

    def _put_back(self, before: Before) -> None:
        torch.cuda.synchronize(self.setting.device)  # lanes of a step that failed were not joined
        before.put_back()
        self.refresh()

    def step(self, packet: Packet) -> None:
        """One turn of D and one of G."""
        its = self.setting
        with on_device(its.device):
            self.body.load(packet)
            if self._graph is None:
                self.body.run()
            else:
                self._graph.replay()
        its.meter.count += 1
        its.state.images_seen += len(packet.positions) * its.processes.world

    def close(self) -> None:
        """Let go of the graph: what it holds of NCCL must be free before the processes part."""
        if self._graph is not None:
            self._graph.reset()
            self._graph = None
        for twin in self.body.twins():
            twin.leave()
        if self.body.compiled:  # torch compiles a function only so many times in a process
            torch.compiler.reset()

    def refresh(self) -> None:
        """Take up a state that something else than a step has written."""
        self.body.refresh()
