"""The live page of a run, served on loopback. Dash is at home here."""

from tightfit.studies.dashboard.app import create_dashboard
from tightfit.studies.dashboard.server import PageServer, make_server, serve

__all__ = ["PageServer", "create_dashboard", "make_server", "serve"]
