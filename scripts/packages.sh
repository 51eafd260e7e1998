# Sourced by the other scripts: makes sure that the system's packages are there.

# need COMMAND PACKAGE: remembers the Debian package when the command is missing.
missing=()
need() {
    command -v "$1" >/dev/null || missing+=("$2")
}

# The compiler and make build librdkafka, SQLite and the cryptography.
need_build_tools() {
    need gcc build-essential
    need g++ build-essential
    need make build-essential
    need git git
    if ! command -v cargo >/dev/null && [ -r "$HOME/.cargo/env" ]; then
        . "$HOME/.cargo/env"
    fi
    if ! command -v cargo >/dev/null; then
        echo "missing: Rust (cargo); install it with rustup, see https://rustup.rs" >&2
        exit 2
    fi
}

# Installs what is missing, or names it and ends with code 2.
install_missing() {
    if [ ${#missing[@]} -eq 0 ]; then
        return
    fi
    local packages sudo=()
    mapfile -t packages < <(printf '%s\n' "${missing[@]}" | sort -u)
    if [ "$(id -u)" -ne 0 ]; then
        sudo=(sudo -n)
    fi
    if ! command -v apt-get >/dev/null || ! "${sudo[@]}" true 2>/dev/null; then
        echo "missing: ${packages[*]}; on Debian: apt-get install ${packages[*]}" >&2
        exit 2
    fi
    echo "installing ${packages[*]}"
    "${sudo[@]}" apt-get -qq update
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get -qq install -y --no-install-recommends "${packages[@]}" >/dev/null
}
