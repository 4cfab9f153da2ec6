import type { ProxyPlan } from "../../config/proxy";
import type { NodeFile } from "../step";
import { renderUnit } from "../unit";

/** Variables by which programs know their proxies, each under both names that are in use. */
export function proxyVariables({ http, https, noProxy }: ProxyPlan): (readonly [string, string])[] {
  const each = (name: string, value: string | undefined) =>
    value === undefined ? [] : [[name, value] as const, [name.toUpperCase(), value] as const];
  return [...each("http_proxy", http), ...each("https_proxy", https), ...each("no_proxy", noProxy)];
}

/** The proxy as `outward` in steps/lib/lib.sh takes it; nothing where the file names none. */
export function proxyWords(proxy: ProxyPlan | undefined): string {
  return proxy === undefined
    ? ""
    : proxyVariables(proxy)
        // curl leaves HTTP_PROXY alone, which is a web server's for what its client sent.
        .filter(([name]) => name !== "HTTP_PROXY")
        .map(([name, value]) => `${name}=${value}`)
        .join(" ");
}

/** The proxy as `Environment` of a unit has it. */
export function proxyEnvironment(proxy: ProxyPlan): string[] {
  return proxyVariables(proxy)
    .filter(([name]) => name === name.toUpperCase())
    .map(([name, value]) => `"${name}=${value.replaceAll("%", "%%")}"`);
}

/** What has containerd get images by the proxy; nothing where the file names none. */
export function proxyFiles(proxy: ProxyPlan | undefined): NodeFile[] {
  if (proxy === undefined) return [];
  const settings = proxyEnvironment(proxy);
  return [
    {
      path: "/etc/systemd/system/containerd.service.d/groundwork-proxy.conf",
      content: renderUnit({ Service: { Environment: settings } }),
      mode: "0644",
    },
  ];
}
