#!/usr/bin/env bash
# Installs dokku-cli on a runner: `plan` finds what fits, `install` fetches and checks it, or builds it.
# An archive that does not match its checksum or its attestation is never unpacked.
# Reads SOURCE and VERSION; `install` also TARGET, DIRECTORY, ACTION_REPOSITORY, WORKFLOW_REPOSITORY and GH_TOKEN.
set -euo pipefail
root=$GITHUB_ACTION_PATH/../../..

fail() {
    echo "::error::dokku-cli cannot be installed: $1"
    exit 1
}

version_of_checkout() {
    sed -n 's/^version = "\(.*\)"$/\1/p' "$root/Cargo.toml" | head -n 1
}

target() {
    case "$RUNNER_OS-$RUNNER_ARCH" in
    Linux-X64) echo x86_64-unknown-linux-musl ;;
    Linux-ARM64) echo aarch64-unknown-linux-musl ;;
    macOS-X64) echo x86_64-apple-darwin ;;
    macOS-ARM64) echo aarch64-apple-darwin ;;
    Windows-X64) echo x86_64-pc-windows-msvc ;;
    *) fail "there is no release for $RUNNER_OS on $RUNNER_ARCH; give the action \`source: build\`" ;;
    esac
}

plan() {
    local cacheable=true version target
    version=${VERSION-}
    version=${version#v}
    case "$SOURCE" in
    release) target=$(target) ;;
    build) cacheable=false target=source ;;
    *) fail "source is '$SOURCE': expected release or build" ;;
    esac
    [ -n "$version" ] || version=$(version_of_checkout)
    [[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+([-+.][0-9A-Za-z.-]+)?$ ]] || fail "'$version' is no version"
    {
        echo "version=$version"
        echo "target=$target"
        echo "directory=$RUNNER_TEMP/dokku-cli/$version"
        echo "cacheable=$cacheable"
    } >>"$GITHUB_OUTPUT"
}

build() {
    cargo build --release --locked --quiet --package dokku-cli \
        --manifest-path "$root/Cargo.toml" --target-dir "$RUNNER_TEMP/dokku-cli-build"
    cp "$RUNNER_TEMP/dokku-cli-build/release/dokku-cli" "$1/"
}

# An action of its own repository has no github.action_repository when it is used by its path.
repository() {
    local name=${ACTION_REPOSITORY:-${WORKFLOW_REPOSITORY:-$GITHUB_REPOSITORY}}
    [[ $name =~ ^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$ ]] || fail "'$name' is no repository"
    echo "$name"
}

fetch() {
    curl --proto '=https,file' --fail --silent --show-error --location --retry 3 --output "$2" "$1" ||
        fail "$1 cannot be fetched; before the first release give the action \`source: build\`"
}

download() {
    local name releases
    name=$(repository)
    releases=${DOKKU_CLI_RELEASES:-${GITHUB_SERVER_URL:-https://github.com}/$name/releases/download}
    for file in "$ARCHIVE" SHA256SUMS; do
        [ -f "$DIRECTORY/$file" ] || fetch "$releases/v$VERSION/$file" "$DIRECTORY/$file"
    done
}

checksum() {
    local expected actual
    expected=$(awk -v file="$ARCHIVE" '$2 == file || $2 == "*" file { print $1 }' "$DIRECTORY/SHA256SUMS")
    [[ $expected =~ ^[0-9a-f]{64}$ ]] || fail "SHA256SUMS names no checksum of $ARCHIVE"
    if command -v sha256sum >/dev/null; then
        actual=$(sha256sum <"$DIRECTORY/$ARCHIVE")
    else
        actual=$(shasum -a 256 <"$DIRECTORY/$ARCHIVE")
    fi
    [ "${actual%% *}" = "$expected" ] || {
        rm -f "${DIRECTORY:?}/$ARCHIVE" "$DIRECTORY/SHA256SUMS"
        fail "$ARCHIVE does not match its checksum"
    }
}

attestation() {
    local name
    name=$(repository)
    if [ -z "${GH_TOKEN:-}" ] || ! gh attestation --help >/dev/null 2>&1; then
        echo "::notice::gh is not here or has no token: the attestation of $ARCHIVE is not checked, its checksum is"
        return
    fi
    gh attestation verify "$DIRECTORY/$ARCHIVE" --repo "$name" \
        --signer-workflow "$name/.github/workflows/release.yml" >/dev/null ||
        fail "$ARCHIVE has no attestation of $name's release workflow"
}

install() {
    local bin=$RUNNER_TEMP/dokku-cli/bin
    mkdir -p "$bin" "$DIRECTORY"
    if [ "$SOURCE" = build ]; then
        build "$bin"
    else
        ARCHIVE=dokku-cli-$VERSION-${TARGET:?}.tar.gz
        download
        checksum
        attestation
        tar -xzf "$DIRECTORY/$ARCHIVE" -C "$bin" --strip-components 1
    fi
    "$bin/dokku-cli" --version
    echo "$bin" >>"$GITHUB_PATH"
}

"$1"
