import type { ResourceValidationPolicy } from "@pulumi/policy";
import { known, validateCluster, validateType } from "../judge";
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
  validateResource: [
    // At preview the steps' programs are not known: the plan says how long tokens live.
    validateCluster(({ name, bootstrapTokenMinutes }, report, args) => {
      const { maximumMinutes } = lifetime.of(args);
      if (bootstrapTokenMinutes <= maximumMinutes) return;
      report(
        `${name}: its bootstrap tokens are good for ${bootstrapTokenMinutes} minutes, and ${maximumMinutes} are allowed; shorten bootstrapTokenMinutes`,
      );
    }),
    validateType<{ stdin: string }>("command:remote:Command", (props, report, args) => {
      const { maximumMinutes } = lifetime.of(args);
      const program = known(() => props.stdin);
      const minutes = typeof program === "string" ? mintedFor(program) : undefined;
      if (minutes === undefined || minutes <= maximumMinutes) return;
      const life = Number.isNaN(minutes) ? "no end that can be read" : `${minutes} minutes to live`;
      report(
        `${args.name}: mints a bootstrap token with ${life}, and ${maximumMinutes} are allowed; shorten its expiration in the step's script`,
      );
    }),
  ],
};

/** `--arg expiration "$(date -u -d '+15 minutes' ...)"`, or with a variable for the number. */
const expiration = /\bexpiration "\$\(date\b[^\n]*?\+\$?\{?(\w+)\}? (minute|hour|day)s?\b/;
const minutesOf: Readonly<Record<string, number>> = { minute: 1, hour: 60, day: 1440 };

/** Minutes for which the tokens that a program mints are good; undefined: it mints none, NaN: it does not say. */
function mintedFor(program: string): number | undefined {
  if (!program.includes("bootstrap.kubernetes.io/token")) return undefined;
  const [, amount = "", unit = ""] = expiration.exec(program) ?? [];
  const digits = /^\d+$/.test(amount)
    ? amount
    : new RegExp(`^${amount}='?(\\d+)'?$`, "m").exec(program)?.[1];
  return Number(digits) * (minutesOf[unit] ?? NaN);
}

export const tokens = [shortTokens];
