import type { Checked, Difference, Existing, Resource } from "../shared/resource";
import { differences, hasUnknown, type Properties, textOf, unknown } from "../shared/values";
import { usageNames } from "./usages";

const hour = 3600_000;
const defaults = { earlyRenewalHours: 0, isCaCertificate: false, setSubjectKeyId: false };
const computed = ["certPem", "readyForRenewal", "validityEndTime", "validityStartTime"];

/** `tls.SelfSignedCert`. */
export const selfSignedCert: Resource = {
  ...common([...computed, "keyAlgorithm"]),
  secrets: ["privateKeyPem"],
  complete: (inputs) => ({ ...defaults, setAuthorityKeyId: false, ...inputs }),

  async create(inputs) {
    // The library takes longer to load than the engine waits for anything else of this plugin.
    const { selfSign } = await import("./signing");
    return selfSign(inputs);
  },
};

/** `tls.LocallySignedCert`. */
export const locallySignedCert: Resource = {
  ...common([...computed, "caKeyAlgorithm"]),
  secrets: ["caPrivateKeyPem"],
  complete: (inputs) => ({ ...defaults, ...inputs }),

  async create(inputs) {
    const { signWithAuthority } = await import("./signing");
    return signWithAuthority(inputs);
  },
};

/** What certificates have in common, whoever signs them. */
function common(unknowns: readonly string[]) {
  return {
    computed: unknowns,
    check,
    diff,
    // Only the window of renewal is not written into the certificate.
    update: ({ state }: Existing, inputs: Properties) => Promise.resolve({ ...state, ...inputs }),
    preview: (inputs: Properties, old: Existing | undefined) =>
      Promise.resolve(
        old
          ? { ...old.state, ...inputs }
          : { ...inputs, ...Object.fromEntries(unknowns.map((name) => [name, unknown])) },
      ),
  };
}

function check(inputs: Properties): Checked {
  const uses = Array.isArray(inputs.allowedUses) ? inputs.allowedUses : [];
  const wrong = uses.filter((use) => !hasUnknown(use) && !usageNames.includes(textOf(use)));
  return {
    inputs,
    failures: wrong.map((use) => ({
      property: "allowedUses",
      reason: `holds '${textOf(use)}'; known are ${usageNames.join(", ")}`,
    })),
  };
}

function diff(old: Existing, inputs: Properties): Difference {
  const changed = differences(old.inputs, inputs);
  const due = isDue(old.state.validityEndTime, inputs.earlyRenewalHours) ? ["readyForRenewal"] : [];
  return {
    changed: [...changed, ...due],
    replaces: [...changed.filter((name) => name !== "earlyRenewalHours"), ...due],
  };
}

/** Whether the time has come to issue the certificate anew. */
function isDue(end: Properties[string] | undefined, earlyRenewalHours: unknown): boolean {
  if (typeof end !== "string") return false;
  return Date.now() >= Date.parse(end) - Number(earlyRenewalHours ?? 0) * hour;
}
