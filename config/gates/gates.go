// Prints the feature gates that programs of Kubernetes know: a line for each with its name, and true or false where it is locked
// to that, else free.
package main

import (
	"fmt"

	"k8s.io/apiserver/pkg/util/feature"
	logs "k8s.io/component-base/logs/api/v1"
	metrics "k8s.io/component-base/metrics/features"
	_ "k8s.io/controller-manager/pkg/features/register"
	_ "k8s.io/kubernetes/pkg/features"
)

func main() {
	gates := feature.DefaultMutableFeatureGate
	if err := logs.AddFeatureGates(gates); err != nil {
		panic(err)
	}
	if err := metrics.AddFeatureGates(gates); err != nil {
		panic(err)
	}
	for name, spec := range gates.GetAll() {
		if spec.LockToDefault {
			fmt.Println(name, spec.Default)
		} else {
			fmt.Println(name, "free")
		}
	}
}
