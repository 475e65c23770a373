#!/bin/bash
# Run once by the image of InfluxDB 2.x, when it has made the bucket: a token for the service, which reads and
# writes this bucket, and one for Grafana, which reads it. Only who they are for can read the files.
set -euo pipefail
umask 027
bucket="${DOCKER_INFLUXDB_INIT_BUCKET_ID}"
make_token() {
    local description="$1" file="$2"
    shift 2
    influx auth create --org "${DOCKER_INFLUXDB_INIT_ORG}" --description "${description}" "$@" --json |
        sed -n 's/^[[:space:]]*"token": "\(.*\)",\{0,1\}$/\1/p' >"${file}"
    [ -s "${file}" ]
}
make_token cloud /run/wattpost-for-cloud/influxdb.token --read-bucket "${bucket}" --write-bucket "${bucket}"
make_token grafana /run/wattpost-for-grafana/influxdb.token --read-bucket "${bucket}"
