import { createRequire } from "node:module";
import * as pulumi from "@pulumi/pulumi";
import { Cluster, type ClusterArgs } from "./cluster";
import { type outputs, packageSchema } from "./schema";

/**
 * The Pulumi package: the component for programs in other languages, and for YAML. PulumiPlugin.yaml has the engine start
 * this file, which is `main` in package.json.
 */
const own = createRequire(__filename)("groundwork/package.json") as {
  readonly version: string;
  readonly description: string;
};

const provider: pulumi.provider.Provider = {
  version: own.version,
  schema: packageSchema(own.version, own.description),
  construct: (name, type, inputs, options) => {
    if (type !== "groundwork:index:Cluster")
      return Promise.reject(new Error(`the package groundwork has Cluster, and no ${type}`));
    const cluster = new Cluster(name, inputs as unknown as ClusterArgs, options);
    const { kubeconfig, apiEndpoint, kubernetesVersion, etcdVersion, nodes } = cluster;
    const state = { kubeconfig, apiEndpoint, kubernetesVersion, etcdVersion, nodes };
    return Promise.resolve({
      urn: cluster.urn,
      state: state satisfies Record<keyof typeof outputs, unknown>,
    });
  },
};

void pulumi.provider.main(provider, process.argv.slice(2));
