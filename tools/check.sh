# DVC keeps its history beside git's: without a repository and a first commit neither it nor DVCLive starts.
set -eu

fail() {
    echo "check: $1" >&2
    exit 1
}

command -v git >/dev/null 2>&1 || fail "git is not installed; install it (Debian, Ubuntu: apt install git; macOS: xcode-select --install) and run make again"
# Where this folder lies in its repository: nowhere but at its top.
prefix=$(LC_ALL=C git rev-parse --show-prefix 2>&1) || prefix="none: $prefix"
case $prefix in
    "") ;;
    *"dubious ownership"*) fail "git does not trust this folder, which another user owns; run once: git config --global --add safe.directory '$(pwd -P)'" ;;
    *) fail "this folder is no git repository of its own (a downloaded ZIP?); run once: git init -b main && git add -A && git commit -m Start" ;;
esac
git rev-parse --quiet --verify HEAD >/dev/null ||
    fail "git has no commit yet; run once: git add -A && git commit -m Start"
