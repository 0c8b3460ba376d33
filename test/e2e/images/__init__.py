# SPDX-License-Identifier: Apache-2.0
"""The images that the end-to-end tests run, as docker archives, made without a registry: a Debian
base by debootstrap, the driver's own by the Dockerfile, and stand-ins for what others publish."""
