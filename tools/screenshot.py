"""Keep a figure of plotly's as a PNG, by the browser that the dashboard's tests use."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import plotly.graph_objects as go

WIDTH, HEIGHT = 1100, 560
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def save(figure: go.Figure, picture: Path) -> None:
    """Write the picture of a figure.

    Raises:
        SystemExit: There is no browser.
    """
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise SystemExit(
            f"a picture needs one of {', '.join(BROWSERS)}; tools/install_browser.sh has it"
        )
    figure.update_layout(width=WIDTH, height=HEIGHT)
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "figure.html"
        html = figure.to_html(include_plotlyjs=True, config={"displayModeBar": False})
        page.write_text(html.replace("<body>", '<body style="margin: 0">'), "utf-8")
        size = f"--window-size={WIDTH},{HEIGHT}"
        shot = f"--screenshot={picture.resolve()}"
        wait = "--virtual-time-budget=5000"
        options = ["--headless", "--no-sandbox", "--hide-scrollbars", size, shot, wait]
        subprocess.run([browser, *options, page.as_uri()], check=True, capture_output=True)
