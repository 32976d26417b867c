#!/bin/sh
# Prints a Python 3.13: LocalStack's core runs on no older one, and its packages are pinned for none that is newer.
# Takes the path of uv, which knows where it has put some. Says in one sentence what this machine lacks.
set -eu

fits() {
  [ -n "$1" ] && "$1" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null
}

of_pyenv() {
  version=$(pyenv latest 3.13 2>/dev/null) && echo "$(pyenv root)/versions/$version/bin/python"
}

of_uv() {
  "$1" python find --managed-python --no-python-downloads 3.13 2>/dev/null
}

for python in "${LOCALSTACK_PYTHON:-}" python3.13 python3 "$(of_pyenv)" "$(of_uv "$1")"; do
  if fits "$python"; then
    command -v "$python"
    exit
  fi
done
echo "Python 3.13 is needed to run LocalStack without Docker and was not found; install it, or name it with LOCALSTACK_PYTHON=…" >&2
exit 1
