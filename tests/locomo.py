"""Where the LoCoMo conversations are. They are no part of the project.

MEMORY_LOCOMO_DIR names their folder; without it the shared data beside the checkout is taken, which CI has.
"""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDER = Path(os.environ.get("MEMORY_LOCOMO_DIR") or ROOT / ".." / "shared" / "data" / "locomo")

needs_files = pytest.mark.skipif(
    not FOLDER.is_dir() and "CI" not in os.environ,
    reason=f"no LoCoMo files in {FOLDER}; MEMORY_LOCOMO_DIR names another folder",
)
