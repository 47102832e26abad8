"""A run under way: its plan, its pairs, what steps work on, and what it remembers."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

from pix2pix.data.feed import PacketSource
from pix2pix.derive import recipe
from pix2pix.model_file import Header, ImageContract, Provenance, versions
from pix2pix.networks.noise import noise_keys
from pix2pix.progress import Progress
from pix2pix.training.engine import EngineContext
from pix2pix.training.plan import Plan, facts_of
from pix2pix.training.stores import Stores


@dataclass
class Record:
    """What a saved state remembers besides its tensors."""

    data_digest: str
    engine: str
    processes: int
    images: int  # training.images, by which the learning rate falls
    initialised_from: str | None = None
    seconds: float = 0.0  # of training, earlier starts included
    scores: dict[str, float] = field(default_factory=dict)
    scored_at: int | None = None  # images seen when the scores were taken


@dataclass
class Session:
    """All that the loop works with."""

    plan: Plan
    stores: Stores
    context: EngineContext
    record: Record
    progress: Progress
    saved_at: int | None = None  # images seen at the last save

    @property
    def packet_source(self) -> PacketSource:
        """Return what makes this process's part of each batch."""
        context = self.context
        keys = partial(noise_keys, context.config.training.seed)
        return PacketSource(context.feed, context.device, context.processes.share, keys)

    def facts(self) -> dict[str, str]:
        """Return what the page shows next to the curves."""
        return {**facts_of(self.plan), "engine": self.record.engine}

    def about(self) -> dict[str, Any]:
        """Return what is saved with the state, as JSON."""
        return asdict(self.record) | {
            "metrics_bytes": self.plan.folder.metrics_bytes(),
            "meter": self.context.meter.pack(),
            "decay_from": self.context.state.decay_from,
        }

    def header(self) -> Header:
        """Return the model file's header as of now."""
        config, reading, record = self.plan.config, self.stores.training.reading, self.record
        return Header(
            config=config,
            image=ImageContract(
                source=reading.source,
                target=reading.target,
                layout=self.plan.pairs.layout,
                half=config.data.source,
                made=str(recipe.parse(config.data.make)) if config.data.make else "",
                photograph=reading.photograph,
            ),
            mode=config.default_mode,
            provenance=Provenance(
                images_seen=self.context.state.images_seen,
                pairs=len(self.stores.training),
                data_digest=record.data_digest,
                scores=record.scores,
                scored_at_images=record.scored_at,
                versions=versions(),
                initialised_from=record.initialised_from,
            ),
        )
