# Two images: `edge` is what a gateway needs (and the simulator), `cloud` is everything. The site pins digests.
FROM python:3.11.14-slim-bookworm AS base
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 \
    PATH=/opt/wattpost/bin:$PATH
RUN groupadd --gid 10001 wattpost \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/wattpost --shell /usr/sbin/nologin wattpost \
    && install -d -o 10001 -g 10001 -m 0700 /var/lib/wattpost \
    && python -m venv /opt/wattpost
WORKDIR /srv/wattpost

FROM base AS edge
COPY requirements-edge.lock ./
RUN /opt/wattpost/bin/pip install --require-hashes -r requirements-edge.lock
COPY LICENSE wattpost.py ./
COPY protocols protocols
COPY edge edge
COPY firmware_sim firmware_sim
RUN printf '#!/bin/sh\nexec /opt/wattpost/bin/python /srv/wattpost/wattpost.py "$@"\n' > /opt/wattpost/bin/wattpost \
    && chmod 0755 /opt/wattpost/bin/wattpost && python -m compileall -q /srv/wattpost
USER 10001:10001
ENTRYPOINT ["wattpost"]

FROM base AS cloud
COPY requirements.lock ./
RUN /opt/wattpost/bin/pip install --require-hashes -r requirements.lock
COPY LICENSE wattpost.py ./
COPY protocols protocols
COPY edge edge
COPY firmware_sim firmware_sim
COPY cloud cloud
COPY dashboards dashboards
RUN printf '#!/bin/sh\nexec /opt/wattpost/bin/python /srv/wattpost/wattpost.py "$@"\n' > /opt/wattpost/bin/wattpost \
    && chmod 0755 /opt/wattpost/bin/wattpost && python -m compileall -q /srv/wattpost
ENV NUMBA_CACHE_DIR=/tmp/numba
USER 10001:10001
ENTRYPOINT ["wattpost"]
