#!/bin/bash
# usage: benchmarks/gpu/offline.sh FOLDER   (on Debian, as root, after `make models`)
# Packs what a GPU machine without network lacks besides Python packages into FOLDER/offline.tar.xz: the load
# generator wrk, without TLS and with its libraries inside, and a small trained checkpoint. There:
#   tar -xJf FOLDER/offline.tar.xz -C /tmp; export PATH=/tmp/offline:$PATH
#   mkdir -p build/bench-gpu/checkpoints; mv /tmp/offline/carried build/bench-gpu/checkpoints
set -eu
folder=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$folder" "$work/offline" "$work/parts" "$work/lists/partial"

PYTHONPATH=. "${PYTHON:-.venv/bin/python}" -m benchmarks.gpu.subjects.carry \
    build/checkpoints/sentiment "$work/offline/carried"

apt-get install -y -qq libssl-dev libluajit-5.1-dev luajit dpkg-dev > "$work/apt.log"
for list in /etc/apt/sources.list.d/*.sources; do
    sed 's/^Types: deb$/Types: deb-src/' "$list" > "$work/parts/$(basename "$list")"
done
apt() { apt-get -qq -o Dir::Etc::SourceParts="$work/parts" -o Dir::State::Lists="$work/lists" "$@"; }
apt update
(cd "$work" && apt source wrk > apt.log 2>&1)
cd "$work"/wrk-*/
cat > src/ssl.c <<'C'
#include <stdio.h>
#include <openssl/ssl.h>
#include "ssl.h"
SSL_CTX *ssl_init() { return NULL; }
status ssl_connect(connection *c, char *host) { return ERROR; }
status ssl_close(connection *c) { return ERROR; }
status ssl_read(connection *c, size_t *n) { return ERROR; }
status ssl_write(connection *c, char *text, size_t length, size_t *n) { return ERROR; }
size_t ssl_readable(connection *c) { return 0; }
SSL *SSL_new(SSL_CTX *context) { return NULL; }
void ERR_print_errors_fp(FILE *file) {}
C
luajit -b src/wrk.lua bytecode.o
echo 'const char *VERSION = "without TLS";' > src/version.c
gcc -std=c99 -O2 -w -D_POSIX_C_SOURCE=200112L -D_DEFAULT_SOURCE -I/usr/include/luajit-2.1 -Wl,-E \
    src/{wrk,net,ssl,aprintf,stats,script,units,ae,zmalloc,http_parser,version}.c bytecode.o \
    /usr/lib/x86_64-linux-gnu/libluajit-5.1.a -lm -ldl -lpthread -o "$work/offline/wrk"
strip "$work/offline/wrk"
tar -cJf "$folder/offline.tar.xz" -C "$work" offline
ls -l "$folder/offline.tar.xz"
