"""Draw the front of a run as a PNG, as the README's gallery shows it.

    python tools/draw_front.py RUN FILE.png

Needs Chromium (`tools/install_browser.sh`).
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
from pathlib import Path

from tightfit.studies.figures import draw_cloud, front
from tightfit.studies.run_folder import RunFolder

WIDTH, HEIGHT = 1100, 560
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def main() -> None:
    """Read a run and write its picture."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("picture", type=Path)
    arguments = parser.parse_args()
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        parser.error(
            f"a picture needs one of {', '.join(BROWSERS)}; tools/install_browser.sh has it"
        )
    figure = draw_cloud(front(RunFolder(arguments.run).results()))
    figure.update_layout(width=WIDTH, height=HEIGHT)
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "front.html"
        html = figure.to_html(include_plotlyjs=True, config={"displayModeBar": False})
        page.write_text(html.replace("<body>", '<body style="margin: 0">'), "utf-8")
        size = f"--window-size={WIDTH},{HEIGHT}"
        shot = f"--screenshot={arguments.picture.resolve()}"
        wait = "--virtual-time-budget=5000"
        options = ["--headless", "--no-sandbox", "--hide-scrollbars", size, shot, wait]
        subprocess.run([browser, *options, page.as_uri()], check=True, capture_output=True)


if __name__ == "__main__":
    main()
