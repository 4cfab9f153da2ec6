import type { RegistryPlan } from "../../config/registries";
import type { NodeFile } from "../step";

const folder = "/etc/containerd/certs.d";
const caOf = (host: string) => `${folder}/${host}/ca.crt`;
/** A TOML string. */
const quoted = JSON.stringify;

/** What containerd knows of registries' hosts: `hosts.toml` of each, and whose certificates it believes. */
export function registryFiles(registries: readonly RegistryPlan[]): NodeFile[] {
  return registries.flatMap((registry) => [
    { path: `${folder}/${registry.host}/hosts.toml`, content: hostsToml(registry) },
    ...(registry.ca === undefined ? [] : [{ path: caOf(registry.host), content: registry.ca }]),
  ]);
}

/** containerd's `hosts.toml` of one registry: its mirrors in order, then the registry itself. */
export function hostsToml({ host, mirrors, ca, skipVerify }: RegistryPlan): string {
  const trust = (at: string, own: boolean, skip: boolean) => [
    ...(own ? [`ca = ${quoted(caOf(at))}`] : []),
    ...(skip ? ["skip_verify = true"] : []),
  ];
  const itself =
    host === "_default"
      ? []
      : [`server = ${quoted(`https://${serverOf(host)}`)}`, ...trust(host, !!ca, skipVerify)];
  return [
    ...(itself.length > 0 ? [`${itself.join("\n")}\n`] : []),
    ...mirrors.map((mirror) =>
      [
        `[host.${quoted(mirror.url)}]`,
        '  capabilities = ["pull", "resolve"]',
        // Told of TLS, containerd would try that first where http is meant.
        ...(mirror.url.startsWith("https:")
          ? trust(mirror.host, mirror.hasCa, mirror.skipVerify).map((line) => `  ${line}`)
          : []),
        ...(mirror.overridePath ? ["  override_path = true"] : []),
        "",
      ].join("\n"),
    ),
  ].join("\n");
}

/** The part of containerd's configuration that logs in to registries; nothing where nobody does. */
export function registryLogins(registries: readonly RegistryPlan[]): string {
  return registries
    .flatMap(({ host, login }) =>
      login === undefined
        ? []
        : [
            `  [plugins."io.containerd.grpc.v1.cri".registry.configs.${quoted(serverOf(host))}.auth]
    username = ${quoted(login.username)}
    password = ${quoted(login.password)}
`,
          ],
    )
    .join("");
}

/** Who answers for a registry: Docker Hub's name in images is no registry. */
const serverOf = (host: string) => (host === "docker.io" ? "registry-1.docker.io" : host);
