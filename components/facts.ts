import type { z } from "zod";
import { readReport } from "../ssh/report";
import { machineFacts } from "../steps/preflight/examination";

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
