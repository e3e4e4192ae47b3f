# One image for coordinator, history, live, the simulator and the commands: `docker build -t fdp .`, with builders of any
# age. Beyond the base image and the package index nothing is fetched. The Theta Terminal's: terminal/Dockerfile.

FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
# The dependencies first: they change seldom, and this layer is most of the image.
COPY requirements-image.lock ./
RUN python -m venv --without-pip /opt/fdp \
 && pip --python /opt/fdp/bin/python install --require-hashes --no-compile -r requirements-image.lock
WORKDIR /opt/fdp/lib/python3.11/site-packages
# Left out is what no role imports: Arrow's RPC framework and cloud storage, headers, source maps, others' tests. The
# roles write no byte code, for their file system is read-only, so it is made here.
RUN rm -rf pyarrow/include pyarrow/tests pyarrow/libarrow_flight.so.* pyarrow/_flight.* pyarrow/libarrow_s3.so.* \
      pyarrow/_s3fs.* pyarrow/_pyarrow_cpp_tests.* \
 && find numpy -type d -name tests -prune -exec rm -rf {} + \
 && find swagger_ui_bundle -name '*.map' -delete \
 && python -m compileall -q -j 0 .
WORKDIR /build
COPY pyproject.toml README.md ./
COPY app app
COPY agents agents
COPY simulator simulator
RUN pip --python /opt/fdp/bin/python install --no-deps .


FROM python:3.11-slim-bookworm AS app
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Phase 1 Financial Data Platform" \
      org.opencontainers.image.description="Market data on Kafka: coordinator, history, live and the simulator of Theta Terminal" \
      org.opencontainers.image.version=$VERSION \
      org.opencontainers.image.revision=$REVISION
RUN groupadd --system --gid 10001 fdp \
 && useradd --system --uid 10001 --gid fdp --home-dir /tmp --no-create-home --shell /usr/sbin/nologin fdp \
 && install -d -o fdp -g fdp /var/lib/fdp
COPY --from=build /opt/fdp /opt/fdp
# A container has an address of its own, and who may reach it is the network's business.
ENV PATH=/opt/fdp/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp WEB_HOST=0.0.0.0
USER 10001:10001
WORKDIR /tmp
EXPOSE 6066 6067 6068
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["python", "-m", "app.healthcheck"]
ENTRYPOINT ["fdp"]
CMD ["worker"]
