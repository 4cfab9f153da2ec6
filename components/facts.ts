import { z } from "zod";
import { readReport } from "../ssh/report";

const word = z.string().min(1).max(100);
const id = (form: RegExp) => z.string().regex(form).or(z.literal(""));

/** The form of a machine's facts. */
export const machineFacts = z.strictObject({
  os: word,
  kernel: word,
  architecture: z.enum(["amd64", "arm64"]),
  cpus: z.int().positive(),
  memoryMiB: z.int().positive(),
  /** Empty where the file accepts a machine without one. */
  machineId: id(/^[0-9a-f]{32}$/),
  /** Of the interface that carries the node's address. */
  macAddress: id(/^[0-9a-f]{2}(:[0-9a-f]{2})+$/).refine((mac) => mac.length < 100),
  /** The hardware's own; empty where the machine has none to itself. */
  productUuid: id(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
  cgroup: z.enum(["v1", "v2"]),
});

/** What `preflight` found out about a machine. */
export type MachineFacts = z.infer<typeof machineFacts>;

/** What `preflight` printed is no report, and stands in the state: why, and the way out, in words. */
export interface NoFacts {
  readonly unreadable: string;
}

/** The facts in what preflight printed on the machine `name`; `urn` is the step's. */
export function readFacts(stdout: string, name: string, urn: string): MachineFacts | NoFacts {
  try {
    return readReport(stdout, machineFacts);
  } catch (error) {
    return {
      unreadable:
        `what preflight left of ${name} in the state is no report: ${(error as Error).message}\n` +
        `  what to do: mend what its login shell prints, then have it examined again: pulumi up --replace '${urn}', ` +
        `or raise ${name}'s generation in the cluster file`,
    };
  }
}
