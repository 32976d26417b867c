#!/bin/sh
# Makes a virtual environment: the one that everything else runs in, or one for a few tools beside it. Called by
# make, when it is missing or older than what it is made of. Says in one sentence what this machine lacks.
set -eu

python=$1
venv=$2
requirements=$3
uv=${4:-} # the first environment begins with one

lacking() {
  printf '%s\n' "$1" >&2
  exit 1
}

command -v "$python" >/dev/null 2>&1 ||
  lacking "Python 3.11 or newer is needed and $python was not found; install it, or name it with PYTHON=…"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  lacking "Python 3.11 or newer is needed and $python is $("$python" -V 2>&1); install it, or name it with PYTHON=…"
"$python" -c 'import ensurepip, venv' 2>/dev/null ||
  lacking "$python has no venv; install it (Debian and Ubuntu: the package python3-venv)."

echo "Setting up $venv (once, at most about a minute) …" >&2
# in place: a local AWS that runs from it goes on running
"$python" -m venv "$venv" || lacking "The virtual environment $venv could not be made; see above."
by_pip() {
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --requirement "$1" ||
    lacking "The packages of $requirements could not be installed; see above. Is the package index within reach?"
}

if [ -z "$uv" ]; then
  sed -n '/^uv==/,/[^\\]$/p' "$requirements" >"$venv/uv.txt" # with its hashes, one a line
  by_pip "$venv/uv.txt"
  uv=$venv/bin/uv
fi
# uv is four times as fast, but knows nothing of pip's settings: where these lead to the packages, pip has to go
"$uv" pip install --quiet --compile-bytecode --python "$venv/bin/python" \
  --require-hashes --requirement "$requirements" 2>/dev/null || by_pip "$requirements"
touch "$venv/.ready"
