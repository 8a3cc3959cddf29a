# syntax=docker/dockerfile:1
FROM rust:1.95-bookworm AS builder
WORKDIR /build
# What changes seldom comes first, so that a change of the sources does not build the dependencies again.
COPY Cargo.toml Cargo.lock ./
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    mkdir -p src tests/it tests/bench \
    && echo 'fn main() {}' | tee src/main.rs tests/it/main.rs tests/bench/token.rs \
    && touch src/lib.rs \
    && cargo build --release --locked --bin medilink \
    && rm -rf src tests
COPY . .
# Cargo compares times, and those of a checkout may lie before those of the files above.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    touch src/main.rs src/lib.rs \
    && cargo build --release --locked --bin medilink \
    && strip --strip-debug target/release/medilink

FROM debian:bookworm-slim
# PostgreSQL's programs serve the embedded default; with a database_url they lie idle. --build-arg POSTGRES=no leaves them out.
ARG POSTGRES=yes
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates curl tzdata \
    && if [ "$POSTGRES" = yes ]; then \
         apt-get install -y --no-install-recommends postgresql-common \
         && mkdir -p /etc/postgresql-common/createcluster.d \
         && echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.d/medilink.conf \
         && apt-get install -y --no-install-recommends postgresql; \
       fi \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --home-dir /var/lib/medilink --create-home medilink \
    && chmod 0700 /var/lib/medilink
COPY --from=builder /build/target/release/medilink /usr/local/bin/medilink
USER medilink
WORKDIR /var/lib/medilink
VOLUME /var/lib/medilink
# Every address of the container, which its host publishes or not; `auth=off` is refused here.
ENV MEDILINK_LISTEN=0.0.0.0:8080 \
    MEDILINK_MLLP_LISTEN= \
    MEDILINK_DATA_DIR=/var/lib/medilink
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
    CMD curl -fsS http://127.0.0.1:8080/health/ready || exit 1
STOPSIGNAL SIGTERM
ENTRYPOINT ["medilink"]
CMD ["serve"]
