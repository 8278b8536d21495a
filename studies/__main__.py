"""``python -m tightfit.studies`` is the command line."""

from tightfit.studies.cli import main

if __name__ == "__main__":
    main()
