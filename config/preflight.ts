/** What `steps/preflight/preflight.sh`, or the comparison of all machines, may find about a machine; each can be accepted by name. */
export const preflightFindings = [
  "architecture",
  "ceph-version",
  "cgroup-v1",
  "clock",
  "cloud-init",
  "container-runtime",
  "cpu",
  "disk",
  "endpoint",
  "firewall",
  "foreign-cluster",
  "ip",
  "kernel",
  "kernel-module",
  "limits",
  "localhost",
  "mac",
  "machine-id",
  "memory",
  "network-links",
  "network-routes",
  "network-rules",
  "noexec",
  "os",
  "pod-mounts",
  "port",
  "product-uuid",
  "proxy",
  "resolver",
  "swap",
  "sysctl",
  "systemd",
] as const;

/** What it may find that nobody can accept: a step would end at it, or it would end what is there. */
export const preflightConflicts = [
  "cni-config",
  "foreign-ceph",
  "immutable",
  "link-conflict",
  "linked-folder",
  "lock",
  "package-conflict",
  "read-only",
] as const;

/** Findings that the tool can mend by itself, where the file says so. */
export const preflightFixes = ["swap"] as const;
