import { z } from "zod";

/** What a machine has: more than that is a hostile one's, and not looked at. */
const few = <T extends z.ZodType>(of: T) => z.array(of).transform((all) => all.slice(0, 500));

/** What `init/inspect.sh` says of a machine. */
export const facts = z.object({
  hostname: z.string(),
  /** As people call it: `Debian GNU/Linux 13 (trixie)`. */
  os: z.string(),
  /** As programs do: `debian 13`. */
  system: z.string(),
  /** As `uname -m` says. */
  architecture: z.string(),
  cpus: z.number(),
  memoryMiB: z.number(),
  /** The cluster that holds the machine; empty: none. */
  cluster: z.string(),
  /** Those that are up, as `ip -json` tells them. */
  interfaces: few(
    z.object({
      ifname: z.string(),
      addr_info: few(z.object({ local: z.ipv4(), prefixlen: z.int().min(0).max(32) })),
    }),
  ),
  /** Hardware addresses, by interface. */
  macs: z.record(z.string(), z.string()),
  routes: few(z.object({ dst: z.string(), dev: z.string().optional() })),
  disks: few(
    z.object({
      /** As the kernel calls it now: `sdb`. */
      name: z.string(),
      bytes: z.number(),
      removable: z.boolean(),
      readOnly: z.boolean(),
      model: z.string(),
      /** What lies on it, in words; empty: it is blank. */
      holds: z.string(),
      /** The links below /dev/disk/by-id that lead to it. */
      ids: few(z.string()),
    }),
  ),
});

export type Facts = z.infer<typeof facts>;
export type Disk = Facts["disks"][number];

/** How a machine is logged in to, as the operator says. */
export interface Login {
  readonly host: string;
  readonly port: number;
  readonly user: string;
}

/** A machine that has been looked at. */
export interface Machine extends Login {
  /** As it showed it: `ssh-ed25519 AAAA...`. */
  readonly hostKey: string;
  readonly facts: Facts;
}
