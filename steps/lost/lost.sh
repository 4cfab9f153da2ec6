#!/usr/bin/env bash
# lost: stands for a step of a machine that is gone for good. Does nothing.
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
finish
