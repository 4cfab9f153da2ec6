import type { ResourceValidationPolicy } from "@pulumi/policy";
import { validateCluster } from "../judge";
import { settings } from "../settings";

const lifetime = settings<{ maximumMinutes: number }>({
  maximumMinutes: {
    default: 60,
    description: "Longest lifetime of a bootstrap token, in minutes.",
  },
});

const shortTokens: ResourceValidationPolicy = {
  name: "short-lived-bootstrap-tokens",
  description: "A bootstrap token is good for an hour at most.",
  enforcementLevel: "mandatory",
  configSchema: lifetime.schema,
  // The plan says how long they live: they are minted while an up runs, and stand in no resource.
  validateResource: validateCluster(({ name, bootstrapTokenMinutes }, report, args) => {
    const { maximumMinutes } = lifetime.of(args);
    if (bootstrapTokenMinutes <= maximumMinutes) return;
    report(
      `${name}: its bootstrap tokens are good for ${bootstrapTokenMinutes} minutes, and ${maximumMinutes} are allowed; shorten bootstrapTokenMinutes`,
    );
  }),
};

export const tokens = [shortTokens];
