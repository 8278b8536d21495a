"""Measuring where the network will run: an agent of one file, and what talks to it."""
