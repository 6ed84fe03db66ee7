#!/usr/bin/env bash
# Says whether the tests and ./dev cluster run RabbitMQ and PostgreSQL in containers: "containers", or why not, and fails.
if [[ ${TERTULIA_TEST_CONTAINERS:-1} == 0 ]]; then echo "TERTULIA_TEST_CONTAINERS is 0"
elif command -v docker >/dev/null && timeout 10 docker info >/dev/null 2>&1; then echo containers; exit 0
else echo "no Docker engine answers"
fi
exit 1
