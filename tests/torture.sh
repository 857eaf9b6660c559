#!/bin/bash
# Upgrades back and forth under load, while agent and engine are killed at random, the disk is filled, and uploads are cut off.
# Prints how often each was done and what was lost, and ends with "N passed, N failed".
#
#   tests/torture.sh [--minutes N] [--seed N]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

minutes=5
while (($#)); do
    case $1 in
        --minutes) minutes=${2:?--minutes needs a number} ;;
        --seed) export APPLIANCE_SEED=${2:?--seed needs a number} ;;
        *)
            echo "usage: tests/torture.sh [--minutes N] [--seed N]" >&2
            exit 2
            ;;
    esac
    shift 2
done

rm -f artifacts/torture.txt
status=0
last=$(APPLIANCE_TORTURE_MINUTES=$minutes ./test.sh --all --filter TortureTests) || status=$?
cat artifacts/torture.txt 2>/dev/null || true
echo "$last"
exit "$status"
