import type { ResourceValidationPolicy, StackValidationPolicy } from "@pulumi/policy";
import { known, ofType, unknown, validateType } from "../judge";

/** What a machine's process list, an error message or a log would show. Standard input is none of these. */
const visible = ["create", "update", "delete", "environment", "triggers"] as const;
type CommandProps = Readonly<Record<(typeof visible)[number], unknown>>;

const looksSecret: readonly { readonly what: string; readonly pattern: RegExp }[] = [
  // Plain, or as the base64 of "-----BEGIN " with the first letter of PRIVATE, OPENSSH, RSA, EC, ENCRYPTED or DSA.
  {
    what: "a private key",
    pattern: /-----BEGIN [A-Z ]*PRIVATE KEY|LS0tLS1CRUdJTiB(?:[PQSF]|E[^Q])/,
  },
  { what: "a bootstrap token", pattern: /(?<![\w.])[a-z0-9]{6}\.[a-z0-9]{16}(?![\w.])/ },
  { what: "a bearer token", pattern: /Bearer\s+[\w.~+/-]{8,}|\beyJ[\w-]{8,}\.[\w-]{8,}/ },
  { what: "a kubeconfig's key", pattern: /client-key-data/ },
];

const noSecretsInCommands: ResourceValidationPolicy = {
  name: "no-secrets-in-commands",
  description:
    "Command strings, which process lists and logs show, hold no private key and no token.",
  enforcementLevel: "mandatory",
  validateResource: validateType<CommandProps>("command:*", (props, report, args) => {
    for (const property of visible) {
      const text = known(() => textOf(props[property]));
      // Commands are plain text: what becomes known only at `up` is what another resource made, a key or a token.
      const found =
        text === unknown
          ? "what another resource makes"
          : looksSecret.find(({ pattern }) => pattern.test(text))?.what;
      if (!found) continue;
      report(`${args.name}: its ${property} holds ${found}; pass it on standard input`);
    }
  }),
};

/** Outputs that are secret, by type of resource. */
const secretOutputs: Readonly<Record<string, readonly string[]>> = {
  "tls:index/privateKey:PrivateKey": ["privateKeyPem", "privateKeyPemPkcs8", "privateKeyOpenssh"],
  "random:index/randomPassword:RandomPassword": ["result"],
  "random:index/randomBytes:RandomBytes": ["base64", "hex"],
};

const noStackSecretsInCommands: StackValidationPolicy = {
  name: "no-stack-secrets-in-commands",
  description: "Command strings hold no key, password or token that the stack has made.",
  enforcementLevel: "mandatory",
  validateStack: (args, report) => {
    const secrets = args.resources.flatMap(({ name, type, props }) =>
      (secretOutputs[type] ?? []).flatMap((output) => {
        const value = known(() => props[output] as unknown);
        return typeof value === "string" && value !== "" ? [{ name, value }] : [];
      }),
    );
    for (const { name, urn, props } of ofType(args, "command:*")) {
      for (const property of visible) {
        const text = known(() => textOf(props[property]));
        if (text === unknown) continue;
        const found = secrets.find(({ value }) => text.includes(value));
        if (!found) continue;
        report(
          `${name}: its ${property} holds what ${found.name} keeps secret; pass it on standard input`,
          urn,
        );
      }
    }
  },
};

/** All text in a value, line breaks as they are. */
function textOf(value: unknown): string {
  if (value !== null && typeof value === "object") {
    return Object.values(value).map(textOf).join("\n");
  }
  return typeof value === "string" ? value : "";
}

export const secrets = [noSecretsInCommands, noStackSecretsInCommands];
