import { readAuditPolicy } from "../auditPolicy";
import type { Issue } from "../issues";
import type { Check } from "./types";

/** What an API server would not start with, though each value by itself is right. */
export const apiServer: Check = (file, baseDir) => {
  const { api_server } = file.cluster?.kubernetes ?? {};
  if (!api_server) return [];
  const { admission, audit_policy_file } = api_server;
  const at = ["cluster", "kubernetes", "api_server"];
  const issues: Issue[] = [];
  const say = (path: Issue["path"], message: string) =>
    issues.push({ path: [...at, ...path], message });

  const domain = file.cluster?.networking?.cluster_domain ?? "";
  const seen = new Set<string>();
  for (const [index, one] of (api_server.authentication?.jwt ?? []).entries()) {
    const { url, discoveryURL } = one?.issuer ?? {};
    const place = ["authentication", "jwt", index, "issuer"];
    if (url === `https://kubernetes.default.svc.${domain}`)
      say(
        [...place, "url"],
        `${url} is the cluster itself, whose tokens are taken anyway; remove it`,
      );
    for (const [key, value] of Object.entries({ url, discoveryURL })) {
      if (value === undefined) continue;
      if (seen.has(`${key} ${value}`))
        say([...place, key], `${value} is another entry's, too; give one entry for an issuer`);
      seen.add(`${key} ${value}`);
    }
  }
  if (admission?.event_rate_limits && !admission.plugins?.includes("EventRateLimit")) {
    say(
      ["admission", "event_rate_limits"],
      "limits nothing without its plugin; add EventRateLimit to plugins, or remove it",
    );
  }
  if (audit_policy_file !== undefined) {
    const read = readAuditPolicy(audit_policy_file, baseDir);
    if ("problem" in read) say(["audit_policy_file"], `${audit_policy_file} ${read.problem}`);
  }
  return issues;
};
