//go:build tools

// Package tools names the program this module exists to build.
package tools

import _ "github.com/opencontainers/runc"
