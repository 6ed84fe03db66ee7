#!/usr/bin/env bash
# Says in one word where the tests and ./dev cluster find a MongoDB: connection (TERTULIA_TEST_MONGODB is its connection string), mongod
# (on the path) or docker (an engine answers). Otherwise it says why there is none, and fails.
if [[ -n ${TERTULIA_TEST_MONGODB:-} ]]; then echo connection
elif command -v mongod >/dev/null; then echo mongod
elif reason=$("${BASH_SOURCE[0]%/*}/containers.sh"); then echo docker
else echo "TERTULIA_TEST_MONGODB names none, mongod is not on the path, $reason"; exit 1
fi
