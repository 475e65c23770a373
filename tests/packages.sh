#!/bin/sh
# The Debian packages that tests need. Root gets them installed; anybody else is told the one line to run.
set -eu
packages=""
need() { command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] || [ -x "/usr/lib/postgresql/15/bin/$1" ] || packages="$packages $2"; }
need mosquitto mosquitto
need influxd influxdb
need mosquitto_sub mosquitto-clients
[ -x /usr/lib/postgresql/15/bin/initdb ] || packages="$packages postgresql"
need chromium chromium
need mbpoll mbpoll
need socat socat
PATH="$PATH:/sbin" ldconfig -p 2>/dev/null | grep -q "libmodbus\.so\.5" || packages="$packages libmodbus5"
need openssl openssl
fc-list 2>/dev/null | grep -qiE 'noto sans cjk|wenquanyi' || packages="$packages fonts-wqy-microhei"
[ -n "$packages" ] || exit 0
if [ "$(id -u)" -eq 0 ]; then
    echo "installing:$packages" >&2
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq >&2
    # shellcheck disable=SC2086
    apt-get install -y -qq --no-install-recommends $packages >/dev/null 2>&1 ||
        apt-get install -y --no-install-recommends $packages >&2
else
    echo "some tests cannot run here; as root: apt-get install -y --no-install-recommends$packages" >&2
fi
