"""Moved to devtools/deployment.py."""

from devtools.deployment import Deployment

__all__ = ["Deployment"]
