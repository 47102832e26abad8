"""A folder for any static host: the drawing page with a network that runs inside it.

    index.html, *.js ...   the page, as it is served too
    models.json            what the page knows of the models
    networks/, runtime/    what is large, in parts that every host takes
    examples/              known pairs
    service-worker.js      keeps it all for visits without a network
    _headers               what hosts of that convention send along
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from pix2pix import image_files
from pix2pix.config import Mode
from pix2pix.drawing.card import Card, KnownPair, make_card
from pix2pix.drawing.examples import Example, find_examples, shown
from pix2pix.errors import UserError
from pix2pix.export.folder import replacing_folder, write_list
from pix2pix.export.onnx import export_onnx, run_file
from pix2pix.export.precision import Precision
from pix2pix.export.runtime import FILES, VERSION, load_runtime
from pix2pix.progress import Watch

PART_BYTES = 8 << 20  # hosts refuse files from 25 MB on; what breaks off is fetched again
