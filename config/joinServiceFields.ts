import { z } from "zod";
import * as field from "./fields";

/** Where a machine answers that has called, on whose loopback network it has an address of its own. */
export const callPort = 7023;

/** Where machines call that nobody dials: `cluster.join_service`. */
export const joinService = z
  .strictObject({
    port: field.port
      .refine(
        (port) => port !== callPort,
        `is the port at which machines answer that have called; give another`,
      )
      .default(7022)
      .describe("TCP port at which machines call that have via: call."),
    host: field.host
      .optional()
      .describe(
        "Address or name of this machine as the machines see it, where npm run join-service takes their calls; default: the masters take them.",
      ),
    host_key: field.hostKey
      .optional()
      .describe(
        "Public SSH host key that npm run join-service shows, as in the .pub file beside its private key. Needed with host.",
      ),
    wait_minutes: z
      .int()
      .min(0, "is too small; give a whole number from 0")
      .max(1440, "is too large; give at most 1440, which is a day")
      .default(10)
      .describe("Minutes that an up waits for a machine to call; 0: it must have called before."),
  })
  .prefault({})
  .describe("Service at which machines call that have via: call.");
