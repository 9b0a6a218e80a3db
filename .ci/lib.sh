# What ./test, .ci/run and the services share: headed steps with their time, and installation of what is missing.
# Sourced by bash with `set -euo pipefail`. Needs $ROOT.

TESTENV="$ROOT/.testenv"
TOOLS="$TESTENV/tools"
mkdir -p "$TESTENV"
export PATH="$TOOLS/bin:$PATH"

# Versions of the tools that cargo builds. They are rebuilt when a version changes.
MDBOOK_VERSION=0.5.4
CARGO_DENY_VERSION=0.20.2
NEXTEST_VERSION=0.9.143
# Only where Debian's own is too old.
NODE_VERSION=24.9.0
case "$(uname -m)" in
aarch64) NODE_ARCH=arm64 ;;
*) NODE_ARCH=x64 ;;
esac

STEP=""
# step TITLE: starts a headed section; SECONDS is bash's own count since the script began.
step() {
  STEP="$1"
  printf '\n==> [%4ds] %s\n' "$SECONDS" "$STEP"
}

# failed CODE: says which step failed. For an EXIT trap.
failed() {
  printf '\n==> [%4ds] FAILED (exit code %s) in: %s\n' "$SECONDS" "$1" "${STEP:-start}" >&2
}

# apt_install PACKAGE..: as root, without questions, with retries: mirrors fail now and then.
apt_install() {
  if [ "$(id -u)" != 0 ]; then
    echo "Missing Debian packages: $*. Install them, or run this as root." >&2
    return 1
  fi
  local try
  for try in 1 2 3; do
    # An index from the image may name versions that the mirror no longer has: it is refreshed before each try.
    if DEBIAN_FRONTEND=noninteractive apt-get -qq -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 update &&
      DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 \
        -o Dpkg::Use-Pty=0 install --no-install-recommends "$@" >"$TESTENV/apt.log" 2>&1; then
      return 0
    fi
    tail -n 20 "$TESTENV/apt.log" >&2 || true
    echo "apt-get failed (try $try of 3)" >&2
    sleep $((try * 3))
  done
  return 1
}

# unpacked COMMAND PACKAGE PATH: prints where a program is. Where it is not installed, it is taken out of Debian's package,
# which would start a service if it were installed.
unpacked() {
  local command="$1" package="$2" path="$3" own="$TESTENV/$1" work
  if command -v "$command"; then
    return 0
  fi
  if [ ! -x "$own" ]; then
    work="$(mktemp -d)"
    chmod 755 "$work"
    (
      cd "$work"
      apt-get -qq -o Acquire::Retries=3 download "$package" >&2 ||
        { apt-get -qq -o Acquire::Retries=3 update >&2 && apt-get -qq -o Acquire::Retries=3 download "$package" >&2; }
      dpkg-deb -x "$package"_*.deb .
    )
    mv "$work/$path" "$own"
    rm -rf "$work"
  fi
  echo "$own"
}

# python_venv NAME FOLDER: the packages of FOLDER/requirements.txt under FOLDER/constraints.txt, in .testenv/NAME. Its stamp
# holds the checksum of both: they are installed again only when that changes.
python_venv() {
  local venv="$TESTENV/$1" folder="$2" want
  want="$(cat "$folder"/{requirements,constraints}.txt | sha256sum)"
  if [ "$(cat "$venv.stamp" 2>/dev/null)" != "$want" ] || ! "$venv/bin/python" -c '' 2>/dev/null; then
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --retries 5 \
      -r "$folder/requirements.txt" -c "$folder/constraints.txt"
    "$venv/bin/pip" check --disable-pip-version-check
    echo "$want" >"$venv.stamp"
  fi
}

# cargo_tool CRATE BINARY VERSION [cargo install arguments]: builds it into .testenv, unless it is there or on the PATH.
cargo_tool() {
  local crate="$1" binary="$2" version="$3"
  shift 3
  if command -v "$binary" >/dev/null && tool_version "$binary" | grep -qF "$version"; then
    echo "$crate $version is there"
    return 0
  fi
  echo "building $crate $version (once; this takes minutes)"
  CARGO_TARGET_DIR="$TESTENV/tools-target" cargo install --quiet --locked --root "$TOOLS" "$@" "$crate@$version"
  rm -rf "$TESTENV/tools-target"
}

tool_version() {
  case "$1" in
  cargo-*) cargo "${1#cargo-}" --version 2>/dev/null ;;
  *) "$1" --version 2>/dev/null ;;
  esac
}
