#!/bin/sh
# Makes the virtual environment of this checkout: locked dependencies, then the project itself, editable.
set -eu
venv=$1
if ! python3 -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "Installing Python's venv module"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3 python3-venv >/dev/null
fi
[ -x "$venv/bin/python" ] || { echo "Making $venv"; python3 -m venv "$venv"; }
echo "Installing the locked dependencies (a minute the first time)"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints.txt
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
