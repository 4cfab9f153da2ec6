import { z } from "zod";
import { subjectAlternativeName } from "./apiServerFields";
import * as field from "./fields";

const mapping = z.strictObject({
  host: field.endpoint
    .optional()
    .describe(
      "Host and port (default 6443) at which clients outside the cluster find the API; default: vip, else the first master's address.",
    ),
  vip: field.nodeAddress
    .optional()
    .describe(
      "IPv4 address that one of the masters holds at a time: an unused one of their network.",
    ),
  router_id: z
    .number()
    .int()
    .min(1, "is too small; give 1 to 255")
    .max(255, "is too large; give 1 to 255")
    .optional()
    .describe(
      "Number by which the masters know vip among others, 1 to 255; default: its last part.",
    ),
  names: z
    .array(subjectAlternativeName.describe("Name or address by which clients call the API server."))
    .default([])
    .describe(
      "Further names and addresses by which clients call the API, in each API server's certificate.",
    ),
});

type Input = string | z.input<typeof mapping>;

/** `cluster.endpoint`; a text is short for its `host`. */
export const endpoint = z.preprocess((value: Input, ctx) => {
  if (typeof value !== "string") return value;
  const host = field.endpoint.safeParse(value);
  if (host.success) return { host: value };
  const message = host.error.issues[0]?.message ?? "";
  ctx.issues.push({ code: "custom", message, input: value });
  return z.NEVER;
}, mapping);
