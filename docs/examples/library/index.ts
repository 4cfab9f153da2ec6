import * as pulumi from "@pulumi/pulumi";
import * as tls from "@pulumi/tls";
import { Cluster, type ClusterArgs, type FormerCluster } from "groundwork";
import { Machine } from "./machine";

const config = new pulumi.Config();
const site = config.requireObject<Partial<ClusterArgs["cluster"]>>("site");
const { version } = site.kubernetes ?? { version: "1.36.3" };

// The key by which Groundwork logs in: made here, and never in a file.
const login = new tls.PrivateKey("login", { algorithm: "ED25519" });
const common = {
  ...site,
  kubernetes: { ...site.kubernetes, version },
  ssh: { private_key: login.privateKeyOpenssh },
};
const machine = (name: string, host: string) =>
  new Machine(name, {
    host,
    installerKey: config.requireSecret("installerKey"),
    authorizedKey: login.publicKeyOpenssh,
  });

// What the last `up` left of each cluster: the stack's own outputs, of the names below. They are exported for as long as
// there is a cluster: where one is missing, no `up` has ended yet.
const last = new pulumi.StackReference(
  `${pulumi.getOrganization()}/${pulumi.getProject()}/${pulumi.getStack()}`,
);
const formerly = (output: string) =>
  last.getOutput(output).apply((is?: FormerCluster) => is ?? { nodes: {} });

const eastMachine = machine("east-01", config.require("east"));
const east = new Cluster("east", {
  cluster: { ...common, name: "east" },
  nodes: [
    {
      name: "east-01",
      // Not known before the machine is there.
      ip: eastMachine.address,
      host_key: eastMachine.hostKey,
      roles: ["master", "worker"],
    },
  ],
  protect: false,
  former: formerly("eastIs"),
});

const westMachine = machine("west-01", config.require("west"));
const west = new Cluster("west", {
  cluster: { ...common, name: "west" },
  nodes: [
    {
      name: "west-01",
      ip: westMachine.address,
      host_key: westMachine.hostKey,
      roles: ["master", "worker"],
    },
  ],
  protect: false,
  former: formerly("westIs"),
});

export const eastKubeconfig = east.kubeconfig;
export const eastIs = { kubernetesVersion: east.kubernetesVersion, nodes: east.nodes };
export const westKubeconfig = west.kubeconfig;
export const westIs = { kubernetesVersion: west.kubernetesVersion, nodes: west.nodes };
