# Mirano in a container: built from this folder, run as a user without rights. `docker build -t mirano .`; compose.yaml uses it.
FROM rust:1.95-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends clang libclang-dev libssl-dev zlib1g-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
# RocksDB's C++ takes about a quarter of an hour on two cores; the caches keep it for the next build.
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin mirano && cp target/release/mirano /usr/local/bin/mirano

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates curl libssl3 zlib1g \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --no-create-home mirano \
    && install -d -o mirano -g mirano /data /evidence /checkpoints /config
COPY --from=build /usr/local/bin/mirano /usr/local/bin/mirano
USER mirano
VOLUME ["/data"]
ENV MIRANO_HOME=/data
EXPOSE 8700
ENTRYPOINT ["mirano"]
CMD ["--help"]
