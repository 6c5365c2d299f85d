"""Records all vectors of the client that Python finds into a folder."""

import logging
import sys
from pathlib import Path

from tests.recorder.record import record, text_of
from tests.recorder.scenarios import scenarios

logging.disable()
for name, scenario in scenarios().items():
    (Path(sys.argv[1]) / f"{name}.json").write_text(text_of(record(name, scenario)))
