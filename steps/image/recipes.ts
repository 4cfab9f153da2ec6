import type { ClusterPlan, NodePlan } from "../../config/plan";
import { roleOf } from "../../config/plan";
import { packagesOf } from "../prepare";

/** Systems of which images are made, by the name the operator gives. */
export const systems = {
  "debian-12": { distribution: "debian", release: "bookworm" },
  "debian-13": { distribution: "debian", release: "trixie" },
} as const;

export type System = keyof typeof systems;

/** Name of the file that holds the program to be run in the image: mkosi runs what ends so inside of it. */
export const programName = "image.chroot";

/** What a machine is beside a node: it boots, has a network, and lets the operator in. */
const machine = [
  "apt",
  "cloud-guest-utils",
  "cloud-init",
  "dbus",
  "e2fsprogs",
  "hostname",
  "kmod",
  // Debian 13 has nologin in it, and mkosi installs little that nobody asks for.
  "login",
  "netbase",
  "openssh-server",
  "procps",
  "sudo",
  "systemd",
  "systemd-resolved",
  "systemd-sysv",
  "udev",
];

/** Its packages; those that prepare wants are among them, so that the program finds nothing to be installed. */
const packages = (node: NodePlan, cluster: ClusterPlan) =>
  [
    ...new Set([
      ...machine,
      ...packagesOf(node, cluster),
      ...(cluster.ntpServers.length > 0 ? ["systemd-timesyncd"] : []),
    ]),
  ].sort();

const nameOf = (node: NodePlan) => `groundwork-${roleOf(node)}`;

/** `mkosi.conf`, by which mkosi 25 or later makes a disk that UEFI boots. */
export function mkosiConf(node: NodePlan, cluster: ClusterPlan, system: System): string {
  const { distribution, release } = systems[system];
  const list = [...packages(node, cluster), `linux-image-${node.architecture}`, "systemd-boot"];
  return `# Written by 'npm run image'. In this folder, as root: mkosi build
[Distribution]
Distribution=${distribution}
Release=${release}
Architecture=${node.architecture === "amd64" ? "x86-64" : "arm64"}

[Output]
Format=disk
Output=${nameOf(node)}

[Content]
Bootable=yes
Locale=C.UTF-8
KernelCommandLine=console=tty0 console=ttyS0
# Nodes go on installing packages.
CleanPackageMetadata=no
PostInstallationScripts=${programName}
Packages=
${list.map((name) => `        ${name}\n`).join("")}
[Build]
# By which the programs come.
WithNetwork=yes
`;
}

/** `Containerfile`, for an image of containers that a machine boots; of which system it is, is its base's affair. */
export function containerfile(node: NodePlan, cluster: ClusterPlan): string {
  return `# Written by 'npm run image'. In this folder: podman build --build-arg BASE=IMAGE --tag ${nameOf(node)} .
# BASE is a system that bootc starts: it has a kernel.
ARG BASE
FROM \${BASE}
RUN apt-get update \\
 && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \\
${packages(node, cluster)
  .map((name) => `      ${name} \\\n`)
  .join("")} && apt-get clean && rm -rf /var/lib/apt/lists/*
COPY ${programName} /usr/local/lib/groundwork/image.sh
RUN bash /usr/local/lib/groundwork/image.sh && rm /usr/local/lib/groundwork/image.sh
LABEL containers.bootc=1
`;
}
