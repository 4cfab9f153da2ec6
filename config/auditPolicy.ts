import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { parseDocument } from "yaml";
import { z } from "zod";
import { explain } from "./explain";
import { formatPath } from "./issues";

/** An audit policy of an operator's own, or why there is none: a sentence's end behind the file's name, with the remedy. */
export type AuditPolicyFile = { readonly policy: AuditPolicy } | { readonly problem: string };

const words = z.array(z.string()).optional();
const stages = z
  .array(z.enum(["RequestReceived", "ResponseStarted", "ResponseComplete", "Panic"]))
  .optional()
  .describe("Stages that are not logged.");

const rule = z
  .strictObject({
    level: z
      .enum(["None", "Metadata", "Request", "RequestResponse"])
      .describe("Level at which it is logged: None, Metadata, Request or RequestResponse."),
    users: words,
    userGroups: words,
    verbs: words,
    resources: z
      .array(
        z
          .strictObject({
            group: z.string().optional(),
            resources: words,
            resourceNames: words,
          })
          .refine(
            ({ resources, resourceNames }) => resources?.length || !resourceNames?.length,
            "has resourceNames without resources; say of which resources",
          ),
      )
      .optional(),
    namespaces: words,
    nonResourceURLs: z
      .array(
        z
          .string()
          .regex(
            /^(\*|\/[^*]*\*?)$/,
            "is no path of the API; give one that begins with / and has a star at its end only",
          ),
      )
      .optional(),
    omitStages: stages,
    omitManagedFields: z.boolean().optional(),
  })
  .refine(
    ({ nonResourceURLs, resources, namespaces }) =>
      !nonResourceURLs?.length || !(resources?.length || namespaces?.length),
    "has nonResourceURLs beside resources or namespaces; make two rules of it",
  );

const policy = z.strictObject({
  apiVersion: z.literal("audit.k8s.io/v1").describe("Version audit.k8s.io/v1."),
  kind: z.literal("Policy").describe("Kind Policy."),
  metadata: z.unknown().optional(),
  rules: z.array(rule).min(1, "is empty; give at least one rule").describe("List of rules."),
  omitStages: stages,
  omitManagedFields: z.boolean().optional(),
});

export type AuditPolicy = z.output<typeof policy>;
type Rule = z.output<typeof rule>;

/**
 * Reads an audit policy by the rules of Kubernetes: an API server ends of what breaks them, or passes over it.
 * @param file as written in the cluster file; `~/` is the home directory, relative paths start at `baseDir`
 */
export function readAuditPolicy(file: string, baseDir: string): AuditPolicyFile {
  const path = file.startsWith("~/") ? join(homedir(), file.slice(2)) : resolve(baseDir, file);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return {
      problem: `cannot be read (that is ${path}): ${code}; give the path of a readable file, from the cluster file's folder`,
    };
  }
  const document = parseDocument(text);
  const [broken] = document.errors;
  if (broken) return { problem: `is not YAML: ${broken.message.split("\n")[0]}; mend it there` };
  const data: unknown = document.toJS();
  const parsed = policy.safeParse(data);
  if (!parsed.success) {
    const [first] = explain(policy, data, parsed.error.issues);
    const where = first?.path.length ? `${formatPath(first.path)}: ` : "";
    return { problem: `is no audit policy: ${where}${first?.message}` };
  }
  const told = telling(parsed.data.rules);
  return told === undefined
    ? { policy: parsed.data }
    : {
        problem: `writes Secrets or tokens into the log (rules[${told.index}] takes in ${told.what} at level ${told.level}); put a rule of level Metadata for them before it`,
      };
}

/** What is secret itself: group and resource. */
const secret = [
  ["", "secrets"],
  ["", "serviceaccounts/token"],
  ["authentication.k8s.io", "tokenreviews"],
] as const;

/** The first rule by which something secret is logged as a whole. */
function telling(rules: readonly Rule[]) {
  for (const [group, what] of secret) {
    for (const [index, rule] of rules.entries()) {
      if (!covers(rule, group, what)) continue;
      if (rule.level.startsWith("Request")) return { index, what, level: rule.level };
      if (isForAll(rule)) break;
    }
  }
  return undefined;
}

/** Whether a rule may be the one for a resource. */
function covers({ resources, nonResourceURLs }: Rule, group: string, what: string): boolean {
  if (!resources?.length) return !nonResourceURLs?.length;
  const [resource = "", sub] = what.split("/");
  const names = [what, "*", ...(sub === undefined ? [] : [`${resource}/*`, `*/${sub}`])];
  return resources.some(
    (one) =>
      ["*", group].includes(one.group ?? "") &&
      (!one.resources?.length || one.resources.some((name) => names.includes(name))),
  );
}

/** Whether no request for what a rule covers passes it by. */
function isForAll({ users, userGroups, verbs, namespaces, resources }: Rule): boolean {
  const narrowed = [users, userGroups, verbs, namespaces].some((list) => list?.length);
  return !narrowed && !resources?.some(({ resourceNames }) => resourceNames?.length);
}
