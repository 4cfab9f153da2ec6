# shellcheck shell=bash
# apt beside this machine's own.

# apt_in FOLDER SOURCES: leaves in `apart` the options by which apt knows the sources of a file alone, and keeps lists and packages in
# FOLDER.
# shellcheck disable=SC2034 # who calls it uses `apart`
apt_in() {
  mkdir -p "$1/lists" "$1/cache/archives/partial"
  apart=(-o "Dir::Etc::sourcelist=$2" -o Dir::Etc::sourceparts=/dev/null -o "Dir::State::lists=$1/lists"
    -o "Dir::Cache=$1/cache" -o APT::Sandbox::User=root)
}
