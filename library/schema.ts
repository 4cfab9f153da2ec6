import { z } from "zod";
import { placeOf } from "../arguments/places";
import type { Path } from "../config/issues";
import type { JsonSchema } from "../config/reference";
import { clusterFile } from "../config/schema";

/** A property in a Pulumi package's schema. */
interface Property {
  type?: string;
  $ref?: string;
  items?: Property;
  additionalProperties?: Property;
  description?: string;
  /** It has to be known when the component is made: at preview, too. */
  plain?: true;
  secret?: true;
}

type Properties = Record<string, Property>;

const component = "groundwork:index:Cluster";

/** What the component has to show for itself; see `Cluster`. */
export const outputs = {
  kubeconfig: { type: "string", secret: true, description: "For kubectl; absent without masters." },
  apiEndpoint: {
    type: "string",
    description: "Where clients outside the cluster find the API; absent without masters.",
  },
  kubernetesVersion: { type: "string", description: "What the cluster runs." },
  etcdVersion: { type: "string", description: "The version of its etcd; absent without masters." },
  nodes: {
    type: "object",
    additionalProperties: { $ref: "pulumi.json#/Any" },
    description: "Every node with its address, its roles and what its machine is.",
  },
} satisfies Properties;

/** Schema of the Pulumi package, made of the cluster file's: the same fields under the same names, with the same texts. */
export function packageSchema(version: string, description: string): string {
  const types: Record<string, object> = {};
  const file = z.toJSONSchema(clusterFile, { io: "input" }) as JsonSchema;
  const { properties, required } = mapping(file, [], types);
  const language = { respectSchemaVersion: true };
  return JSON.stringify({
    name: "groundwork",
    version,
    description,
    resources: {
      [component]: {
        isComponent: true,
        description: "A highly available Kubernetes cluster, with Ceph where nodes have its roles.",
        inputProperties: {
          ...properties,
          former: {
            $ref: "pulumi.json#/Any",
            description:
              "What the last up left: kubernetesVersion, etcdVersion and nodes of this component, as an output of the stack has them.",
          },
          protect: {
            type: "boolean",
            plain: true,
            description:
              "Whether the authorities and the birth of the cluster refuse to be deleted; default: true.",
          },
        },
        requiredInputs: required,
        properties: outputs,
        required: ["kubernetesVersion", "nodes"],
      },
    },
    types,
    language: {
      nodejs: language,
      python: language,
      csharp: language,
      java: language,
      go: language,
    },
  });
}

/** The properties of a mapping at a place of the file, and of the secrets that a program may give there. */
function mapping({ properties = {}, required = [] }: JsonSchema, path: Path, types: object) {
  const all = Object.entries(properties).map(
    ([key, schema]) => [key, property(schema, [...path, key], types)] as const,
  );
  const own = Object.entries(secrets)
    .filter(([key]) => placeOf([...path, key]) !== undefined)
    .map(([key, description]) => [key, { type: "string", secret: true, description }] as const);
  return { properties: Object.fromEntries([...all, ...own]) as Properties, required };
}

const secrets: Readonly<Record<string, string>> = {
  private_key:
    "SSH private key without passphrase, PEM or OpenSSH; in place of private_key_file. Secret.",
  sudo_password: "What sudo asks the user for; in place of sudo_password_file. Secret.",
};

function property(schema: JsonSchema, path: Path, types: object): Property {
  const { description } = schema;
  return {
    ...typeOf(schema, path, types),
    ...(description === undefined ? {} : { description }),
    ...(placeOf(path) === undefined ? { plain: true } : {}),
  };
}

function typeOf(schema: JsonSchema, path: Path, types: object): Property {
  const { type, items, properties, additionalProperties } = schema;
  if (items)
    return { type: "array", items: { ...typeOf(items, [...path, 0], types), plain: true } };
  if (properties) {
    const name = `groundwork:index:${nameOf(path)}`;
    const { description } = schema;
    Object.assign(types, {
      [name]: { type: "object", description, ...mapping(schema, path, types) },
    });
    return { $ref: `#/types/${name}` };
  }
  if (additionalProperties)
    return {
      type: "object",
      additionalProperties: { ...typeOf(additionalProperties, [...path, 0], types), plain: true },
    };
  return type === undefined ? { $ref: "pulumi.json#/Any" } : { type };
}

/** `cluster.ssh.bastion` -> `ClusterSshBastion`; the cluster's own is `ClusterSettings`, for the component is `Cluster`. */
function nameOf(path: Path): string {
  const words = path.flatMap((part, i) => {
    if (typeof part === "number") return [];
    return (path[i + 1] === 0 ? part.replace(/ies$/, "y").replace(/s$/, "") : part).split("_");
  });
  const name = words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("");
  return name === "Cluster" ? "ClusterSettings" : name;
}
