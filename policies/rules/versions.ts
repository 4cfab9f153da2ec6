import type { ResourceValidationPolicy, StackValidationPolicy } from "@pulumi/policy";
import { kubernetesMinors } from "../../config/versions";
import { validateCluster, validateGraph } from "../judge";
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
    const { minor } = parse(kubernetesVersion);
    if (minor >= parse(oldest).minor && minor <= parse(newest).minor) return;
    report(
      `${name}: Kubernetes ${kubernetesVersion} is not within ${oldest} to ${newest}; set cluster.kubernetes.version to one of these`,
    );
  }),
};

const noDowngrade: StackValidationPolicy = {
  name: "no-kubernetes-downgrade",
  description:
    "Kubernetes never goes back to an older version, which may not read what the newer one stored.",
  enforcementLevel: "mandatory",
  validateStack: validateGraph(({ name, kubernetesVersion, before }, report) => {
    const former = before.kubernetesVersion;
    if (former === undefined || !isOlder(kubernetesVersion, former)) return;
    report(
      `${name}: Kubernetes ${kubernetesVersion} is older than ${former}, which runs; set cluster.kubernetes.version to ${former} or newer`,
    );
  }),
};

const oneMinorAtATime: StackValidationPolicy = {
  name: "one-kubernetes-minor-at-a-time",
  description:
    "An upgrade goes one minor version up at most, so that no two parts of the cluster are further apart.",
  enforcementLevel: "mandatory",
  validateStack: validateGraph(({ name, kubernetesVersion, before }, report) => {
    const former = before.kubernetesVersion;
    if (former === undefined) return;
    const { minor } = parse(former);
    if (parse(kubernetesVersion).minor <= minor + 1) return;
    report(
      `${name}: from Kubernetes ${former} to ${kubernetesVersion} is more than one minor version; upgrade to 1.${minor + 1} first`,
    );
  }),
};

/** Kubernetes counts minor and patch versions; the major one has been 1 for ever. */
function parse(version: string): { minor: number; patch: number } {
  const [, minor = 0, patch = 0] = version.split(".").map(Number);
  return { minor, patch };
}

function isOlder(version: string, than: string): boolean {
  const [a, b] = [parse(version), parse(than)];
  return a.minor < b.minor || (a.minor === b.minor && a.patch < b.patch);
}

export const versions = [supportedVersion, noDowngrade, oneMinorAtATime];
