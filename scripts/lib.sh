# Set-up shared by the scripts: what a bare Debian with Rust lacks. Sourced, not run.
# shellcheck shell=bash

root_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# The version in Cargo.toml's rust-version.
rust_min=1.95

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

# Runs a command as root: directly, or by sudo where that asks no question.
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

apt_install() {
  command -v apt-get >/dev/null || die "please install: $* (there is no apt-get here to do it with)"
  [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null || die "please install, as root: apt-get install $*"
  say "installing $*"
  if [ -z "${apt_updated:-}" ]; then
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q >&2
    apt_updated=1
  fi
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@" >&2
}

need_rust() {
  # rustup's own folder is not in the PATH of every shell.
  command -v cargo >/dev/null || PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
  command -v cargo >/dev/null || die "Rust $rust_min or later is needed: see https://rustup.rs"
  local found
  found=$(rustc --version | cut -d' ' -f2)
  if [ "$(printf '%s\n%s\n' "$rust_min" "$found" | sort -V | head -n 1)" != "$rust_min" ]; then
    die "Rust $rust_min or later is needed, but this is $found: run 'rustup update stable'"
  fi
}

# A C compiler and linker, for the cryptography and the allocator. Only unusual processors need cmake for them too.
need_compiler() {
  command -v cc >/dev/null || apt_install gcc libc6-dev
  case "$(uname -m)" in
    x86_64 | aarch64) ;;
    *) command -v cmake >/dev/null || apt_install cmake make g++ ;;
  esac
}

# Prints the folder with PostgreSQL's server programs, the newest of several; nothing where there is none.
postgres_bin() {
  local found
  if found=$(command -v initdb) && found=$(dirname "$(readlink -f "$found")") && [ -x "$found/postgres" ]; then
    printf '%s\n' "$found"
    return
  fi
  for found in $(printf '%s\n' /usr/lib/postgresql/*/bin /usr/local/pgsql/bin | sort -Vr); do
    if [ -x "$found/initdb" ] && [ -x "$found/postgres" ]; then
      printf '%s\n' "$found"
      return
    fi
  done
}

# The server runs a private cluster, so Debian's package must not make and start one of its own.
need_postgres() {
  [ -z "$(postgres_bin)" ] || return 0
  apt_install postgresql-common
  as_root sh -c 'mkdir -p /etc/postgresql-common/createcluster.d &&
    echo "create_main_cluster = false" > /etc/postgresql-common/createcluster.d/medilink.conf'
  apt_install postgresql
  [ -n "$(postgres_bin)" ] || die "PostgreSQL was installed, but initdb is still nowhere"
}
