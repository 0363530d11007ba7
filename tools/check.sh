# DVC keeps its history beside git's: without a repository and a first commit neither it nor DVCLive starts.
set -eu

fail() {
    echo "check: $1" >&2
    exit 1
}

command -v git >/dev/null 2>&1 || fail "git is not installed; install it (Debian, Ubuntu: apt install git; macOS: xcode-select --install) and run make again"
[ "$(git rev-parse --show-toplevel 2>/dev/null)" = "$(pwd -P)" ] ||
    fail "this folder is no git repository of its own (a downloaded ZIP?); run once: git init && git add -A && git commit -m Start"
git rev-parse --quiet --verify HEAD >/dev/null ||
    fail "git has no commit yet; run once: git add -A && git commit -m Start"
