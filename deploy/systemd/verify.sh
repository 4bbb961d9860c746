#!/bin/sh
# Checks the units with systemd's own `systemd-analyze verify`, in a container: no systemd is needed here.
# Needs Docker and a network with Debian packages; not part of `make check`, which installs nothing.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
docker run --rm --network host -v "$here:/units:ro" debian:trixie-slim sh -eu -c '
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends systemd >/dev/null 2>&1
  ln -s /bin/true /usr/bin/docker
  printf "[Unit]\n[Service]\nExecStart=/bin/true\n" >/etc/systemd/system/docker.service
  cp /units/*.service /etc/systemd/system/
  systemd-analyze verify /etc/systemd/system/fairlead-*.service
  echo "The units are well-formed."
'
