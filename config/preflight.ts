/** What `steps/preflight/preflight.sh`, or the comparison of all machines, may find about a machine; each can be accepted by name. */
export const preflightFindings = [
  "architecture",
  "cgroup-v1",
  "clock",
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
  "product-uuid",
  "swap",
  "systemd",
] as const;
