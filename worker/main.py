"""`celery -A tablestore_memory.worker.main worker`: the only module-level app. Nobody imports this module."""

import os
import sys

from dotenv import find_dotenv, load_dotenv

from tablestore_memory.worker.app import create_app
from tablestore_memory.worker.settings import Settings, SettingsError

load_dotenv(find_dotenv(usecwd=True))
try:
    app = create_app(Settings.from_env(os.environ))
except SettingsError as error:
    sys.exit(f"memory-worker: {error}")
