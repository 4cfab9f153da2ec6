//go:build tools

// Package tools names the programs this module exists to build: Kubernetes' end-to-end tests, what runs in their pods,
// and ginkgo, which runs them side by side.
package tools

import (
	_ "github.com/onsi/ginkgo/v2/ginkgo"
	_ "k8s.io/kubernetes/test/e2e"
	_ "k8s.io/kubernetes/test/images/agnhost"
	_ "k8s.io/kubernetes/test/images/nonewprivs"
	_ "k8s.io/sample-apiserver"
)
