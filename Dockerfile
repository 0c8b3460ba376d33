# SPDX-License-Identifier: Apache-2.0
#
# Two images of one program: `--target node` for the nodes of a cluster, `--target controller` for its
# controllers, which have no tool that makes or changes a filesystem. docs/images.md says what is in
# them and how to check it.
#
# The base must be a Debian 12: it names the packages of the libraries. Whoever has compiled the program
# already replaces the stage that does: `--build-context build=DIRECTORY`, with DIRECTORY/out/nodevol.
ARG BASE=debian:12-slim
ARG VERSION=0.1.0
ARG REVISION=unknown
# Seconds since 1970, for the date in the list of packages.
ARG SOURCE_DATE_EPOCH=0

# ---- the program ----
FROM ${BASE} AS build
RUN apt-get update && \
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      binutils ca-certificates ccache cmake g++ golang-go libabsl-dev libbenchmark-dev libblkid-dev \
      libcivetweb-dev libcurl4-openssl-dev libfmt-dev libgmock-dev libgrpc++-dev libgrpc-dev \
      libgtest-dev libmount-dev libprotobuf-dev libspdlog-dev libssl-dev ninja-build pkg-config \
      prometheus-cpp-dev protobuf-compiler protobuf-compiler-grpc xfslibs-dev
WORKDIR /src
COPY . .
# How many are compiled at a time, and where the Go modules come from that hold the .proto files.
ARG JOBS
ARG GOPROXY
RUN --mount=type=cache,target=/root/.cache/ccache --mount=type=cache,target=/root/go/pkg/mod \
    cmake --preset release && \
    cmake --build build/release --target nodevol ${JOBS:+-j "$JOBS"} && \
    install -D --strip build/release/nodevol /out/nodevol

# ---- tools of filesystems ----
# xfsprogs as a package needs Python and ICU, 70 MB, for programs that aren't run here: of it and of
# btrfs-progs only mkfs is taken, with an entry in status.d, where scanners look for packages that
# were installed without dpkg.
FROM ${BASE} AS tools
RUN --mount=type=bind,source=deploy/image,target=/mnt \
    /mnt/extract /out xfsprogs mkfs.xfs && /mnt/extract /out btrfs-progs mkfs.btrfs

# ---- libraries ----
FROM ${BASE} AS runtime
COPY deploy/image/dpkg.cfg /etc/dpkg/dpkg.cfg.d/nodevol
RUN --mount=type=bind,source=deploy/image,target=/mnt /mnt/install \
      libabsl20220623 libblkid1 libcivetweb1 libcurl4 libgrpc++1.51 libgrpc29 libmount1 \
      libprometheus-cpp-core1.0 libprotobuf32 libspdlog1.10 libssl3 libstdc++6
# What both images say of themselves.
COPY LICENSE /usr/share/doc/nodevol/copyright
ARG VERSION
ARG REVISION
LABEL org.opencontainers.image.vendor="nodevol" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
ENTRYPOINT ["/usr/sbin/nodevol"]

# ---- node ----
FROM runtime AS node
ARG VERSION
ARG SOURCE_DATE_EPOCH
# The libraries are those of mkfs.xfs and mkfs.btrfs.
RUN --mount=type=bind,source=deploy/image,target=/mnt /mnt/install \
      e2fsprogs libinih1 libudev1 liburcu8 libuuid1
COPY --from=tools /out/ /
COPY --from=build /out/nodevol /usr/sbin/nodevol
RUN --mount=type=bind,source=deploy/image,target=/mnt /mnt/sbom nodevol-node
LABEL org.opencontainers.image.title="nodevol node" \
      org.opencontainers.image.description="CSI volumes on the disks of a Kubernetes node"

# ---- controller ----
FROM runtime AS controller
ARG VERSION
ARG SOURCE_DATE_EPOCH
RUN --mount=type=bind,source=deploy/image,target=/mnt /mnt/remove-filesystem-tools
COPY --from=build /out/nodevol /usr/sbin/nodevol
RUN --mount=type=bind,source=deploy/image,target=/mnt /mnt/sbom nodevol-controller
LABEL org.opencontainers.image.title="nodevol controller" \
      org.opencontainers.image.description="The CSI controller of nodevol"
USER 65532:65532
