/** What `scripts/preflight.sh` may find about a machine; each can be accepted by name. */
export const preflightFindings = [
  "architecture",
  "cgroup-v1",
  "cpu",
  "disk",
  "foreign-cluster",
  "ip",
  "kernel",
  "mac",
  "machine-id",
  "memory",
  "os",
  "port",
  "swap",
  "systemd",
] as const;
