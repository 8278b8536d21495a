#!/bin/sh
# The dashboard's tests drive a real Chromium. Install Debian's where that is possible;
# where it is not, those tests skip and say so.
set -u
command -v chromium >/dev/null 2>&1 && command -v chromedriver >/dev/null 2>&1 && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing Debian's chromium and chromium-driver (440 MB) for the dashboard's tests."
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium chromium-driver; } >/dev/null 2>&1 ||
        echo "Chromium could not be installed; the dashboard's browser tests will skip."
else
    echo "No chromium with chromedriver here; the dashboard's browser tests will skip."
fi
exit 0
