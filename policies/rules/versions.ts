import type { ResourceValidationPolicy } from "@pulumi/policy";
import { kubernetesMinors } from "../../config/versions";
import { validateCluster } from "../judge";
import { settings } from "../settings";

const supported = settings<{ oldest: string; newest: string }>({
  oldest: { default: kubernetesMinors[0], description: "Oldest minor version, as 1.34." },
  newest: {
    default: kubernetesMinors[kubernetesMinors.length - 1] ?? kubernetesMinors[0],
    description: "Newest minor version, as 1.36.",
  },
});

const supportedVersion: ResourceValidationPolicy = {
  name: "supported-kubernetes",
  description:
    "Kubernetes is of a version that is maintained and that this release was written for.",
  enforcementLevel: "mandatory",
  configSchema: supported.schema,
  validateResource: validateCluster(({ name, kubernetesVersion }, report, args) => {
    const { oldest, newest } = supported.of(args);
    const minor = minorOf(kubernetesVersion);
    if (minor >= minorOf(oldest) && minor <= minorOf(newest)) return;
    report(
      `${name}: Kubernetes ${kubernetesVersion} is not within ${oldest} to ${newest}; set cluster.kubernetes.version to one of these`,
    );
  }),
};

/** The major version has been 1 for ever. */
const minorOf = (version: string) => Number(version.split(".")[1] ?? 0);

export const versions = [supportedVersion];
