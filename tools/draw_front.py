"""Draw the front of a run as a PNG, as the README's gallery shows it.

    python -m tools.draw_front RUN FILE.png

Needs Chromium (`tools/install_browser.sh`).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tightfit.studies.figures import draw_cloud, front
from tightfit.studies.run_folder import RunFolder
from tools.screenshot import save


def main() -> None:
    """Read a run and write its picture."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("picture", type=Path)
    arguments = parser.parse_args()
    save(draw_cloud(front(RunFolder(arguments.run).results())), arguments.picture)


if __name__ == "__main__":
    main()
