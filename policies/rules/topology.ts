import type { ResourceValidationPolicy } from "@pulumi/policy";
import { hasRole } from "../facts";
import { validateCluster } from "../judge";

const oddMasters: ResourceValidationPolicy = {
  name: "odd-masters",
  description:
    "The number of masters is odd: an even one stands no more failures and votes slower.",
  enforcementLevel: "mandatory",
  validateResource: validateCluster(({ name, nodes }, report) => {
    const masters = nodes.filter(hasRole("master")).map(({ name }) => name);
    if (masters.length === 0 || masters.length % 2 === 1) return;
    const survives = Math.ceil(masters.length / 2) - 1;
    report(
      `${masters.at(-1)}: makes ${masters.length} masters of cluster ${name}, of which ${survives || "none"} may fail, as with ${masters.length - 1}; ` +
        "add one master to the cluster file, or take this one away",
    );
  }),
};

const oneMaster: ResourceValidationPolicy = {
  name: "more-than-one-master",
  description: "A cluster that matters has three masters or more.",
  enforcementLevel: "advisory",
  validateResource: validateCluster(({ nodes }, report) => {
    const [master, another] = nodes.filter(hasRole("master"));
    if (!master || another) return;
    report(
      `${master.name}: is the only master, and the cluster is down when it is; give two more nodes the role master`,
    );
  }),
};

const failureDomains: ResourceValidationPolicy = {
  name: "masters-in-several-failure-domains",
  description: "The masters do not all fail together.",
  enforcementLevel: "mandatory",
  validateResource: validateCluster(({ nodes }, report) => {
    const masters = nodes.filter(hasRole("master"));
    const [first] = masters;
    const domain = first?.failureDomain;
    if (masters.length < 2 || domain === undefined) return;
    if (masters.some(({ failureDomain }) => failureDomain !== domain)) return;
    report(
      `${masters.map(({ name }) => name).join(", ")}: all masters are in failure domain ${domain}, and fail with it; ` +
        "move at least one to another domain and say so in its label topology.kubernetes.io/zone",
    );
  }),
};

export const topology = [oddMasters, oneMaster, failureDomains];
