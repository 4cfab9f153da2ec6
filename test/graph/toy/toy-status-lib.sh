# shellcheck shell=bash
# What `make status` asks of the toy. Goes before status.sh, whose variables it sets.

# shellcheck disable=SC2034 # status.sh says it
network_of_toy() { subnet=10.244.9.0/24 table=toy; }
