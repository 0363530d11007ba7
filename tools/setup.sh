# Makes .venv and installs requirements.txt into it. One line says what is missing.
set -eu

fail() {
    echo "setup: $1" >&2
    exit 1
}

case "$(uname -s)-$(uname -m)" in
    Linux-x86_64 | Darwin-arm64) ;;
    *) fail "TensorFlow Decision Forests has no build for $(uname -s) on $(uname -m); use Linux x86-64, macOS on Apple silicon, or WSL on Windows" ;;
esac

# The Python that .venv is made with is not the one in it, which make puts first.
PATH=${PATH#"$(pwd -P)/.venv/bin:"}
python=
for name in python3.11 python3.12 python3 python; do
    if "$name" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null; then
        python=$name
        break
    fi
done
[ -n "$python" ] || fail "no Python 3.11 or 3.12 with venv on PATH; install one (Debian, Ubuntu: apt install python3.11 python3.11-venv; macOS: brew install python@3.11) and run make again"

# A .venv of another Python, or a broken one, is made anew.
if ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null; then
    rm -rf .venv
    "$python" -m venv .venv || fail "could not make .venv with $python; see the lines above"
fi

echo "setup: installing requirements.txt into .venv (about 4 GB, a few minutes the first time)"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement requirements.txt ||
    fail "the installation failed; see the lines above (no network? a full disk?) and run make again"
