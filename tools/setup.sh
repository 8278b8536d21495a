#!/bin/sh
# Make a virtual environment and install the locked versions into it, once.
# Usage: setup.sh PYTHON VENV LOCK
set -eu
python=$1 venv=$2 lock=$3

# The development lock contains the other one, so either stamp of the same content will do.
digest=$(cat pyproject.toml requirements.txt "$lock" | cksum | tr ' ' -)
stamp="$venv/.installed-$(basename "$lock" .txt)-$digest"
[ -f "$stamp" ] && exit 0
covered="$venv/.installed-requirements-dev-$(cat pyproject.toml requirements.txt requirements-dev.txt | cksum | tr ' ' -)"
[ -f "$covered" ] && exit 0

command -v "$python" >/dev/null 2>&1 || {
    echo "There is no $python here. Install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3.12" >&2
    exit 2
}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "$("$python" --version) is too old. Install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3.12" >&2
    exit 2
}
"$python" -c 'import venv, ensurepip' 2>/dev/null || {
    echo "$python has no venv module. Install it (Debian and Ubuntu: apt-get install python3-venv)." >&2
    exit 2
}

echo "Setting up $venv: torch, torchvision, optuna, onnxruntime and what they need, in locked versions."
echo "  Downloads about 0.4 GB and takes 1.2 GB of disk with a CPU build of torch,"
echo "  about 3 GB and 6 GB with PyPI's default CUDA build. pip's own index settings are used."
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
PIP_DISABLE_PIP_VERSION_CHECK=1
export PIP_DISABLE_PIP_VERSION_CHECK
# pip's bars are for eyes; a log keeps warnings and errors.
[ -t 1 ] && quiet="" || quiet="--quiet"
"$venv/bin/python" -m pip install $quiet -r "$lock"
"$venv/bin/python" -m pip install --quiet --no-deps --editable .
rm -f "$venv"/.installed-*
: >"$stamp"
echo "Done."
