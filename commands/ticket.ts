import { randomInt } from "node:crypto";
import {
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import {
  ApiException,
  CoreV1Api,
  type KubeConfig,
  PatchStrategy,
  setHeaderOptions,
  type V1ConfigMap,
} from "@kubernetes/client-node";
import { parse, stringify } from "yaml";
import { loadCluster } from "../config/load";
import type { ClusterPlan, UnmanagedPlan } from "../config/plan";
import { clusterRoleBindings } from "../manifests/rbac";
import { bootstrapTokenMinutes } from "../steps/invite";
import { adminConfig, asAdministrator, told } from "./administrator";
import { command, common, main, OperatorError } from "./command";

const namespace = "kube-system";
/** Seconds by which this machine's clock may differ from the cluster's: the ticket's end is told by it. */
const skew = 60;

export const ticket = command({
  name: "ticket",
  about:
    "Makes a ticket for a node that is not managed (managed: false in the file): a kubeconfig with a bootstrap token by which\n" +
    `its kubelet gets its first certificate. It is good for one certificate of this one node, for ${bootstrapTokenMinutes} minutes; a new ticket\n` +
    "takes the place of the former. It is written to the file FILE_NAME in the folder CONFIG_DIR, both of the environment;\n" +
    "default: bootstrap.conf in $HOME/.krustlet/config. Whoever has the file before it is used can come as this node.",
  arguments: "NODE",
  count: [1, 1],
  options: {
    file: common.file,
    kubeconfig: asAdministrator,
    force: {
      type: "boolean",
      default: false,
      help: "overwrites whatever is there, not only a former ticket",
    },
  },
  statuses: { 0: "it is written" },
  async run({ file, kubeconfig, force }, [name = ""]) {
    const plan = loadCluster(file);
    const node = chosen(plan, name, file);
    const path = target();
    if (!force) refuseOthers(path);
    const admin = adminConfig(kubeconfig);
    const authority = admin.getCurrentCluster()?.caData;
    if (authority === undefined)
      throw new OperatorError(
        "the administrator's kubeconfig names no authority of the cluster in itself; take it as 'pulumi stack output --show-secrets kubeconfig' prints it",
      );
    const { host, port } = plan.endpoint;
    const server = `https://${host}:${port}`;
    const token = { id: random(6), secret: random(16) };
    const until = new Date(Date.now() + bootstrapTokenMinutes * 60_000);
    const waiting = prepare(path, render(plan.name, server, authority, token));
    try {
      await mint(admin, node, token, until, file);
      put(waiting, path, force);
    } finally {
      rmSync(waiting, { force: true });
    }
    process.stdout.write(
      `${path} is written: a ticket for ${name}, good for one certificate until ${until.toISOString()}, at ${server}` +
        `${host === plan.masters[0]?.ip ? ", the first master: a node that shall outlive it needs a cluster.endpoint" : ""}.\n` +
        `Take it to the machine, and start its kubelet with --bootstrap-kubeconfig, as docs/operations.md has it.\n`,
    );
    return 0;
  },
});

interface Token {
  readonly id: string;
  readonly secret: string;
}

function chosen({ nodes, unmanaged }: ClusterPlan, name: string, file: string): UnmanagedPlan {
  const node = unmanaged.find((node) => node.name === name);
  if (node) return node;
  const managed = nodes.some((node) => node.name === name);
  const known = unmanaged.map(({ name }) => name).join(", ") || "none";
  throw new OperatorError(
    managed
      ? `${name} is managed: 'pulumi up' lets it in, and it needs no ticket`
      : `${name}: no such node; of ${file} these are not managed: ${known}`,
  );
}

/** Where the ticket is written: as Krustlet's script has it. */
const target = () =>
  resolve(
    process.env.CONFIG_DIR || join(homedir(), ".krustlet", "config"),
    process.env.FILE_NAME || "bootstrap.conf",
  );

/** A former ticket is worth nothing once there is another; anything else may be. */
function refuseOthers(path: string): void {
  let text: string;
  try {
    // What a link leads to is not asked: the link would be replaced.
    if (lstatSync(path).isFile()) text = readFileSync(path, "utf8");
    else
      throw new OperatorError(
        `${path} is no plain file; name another with CONFIG_DIR and FILE_NAME`,
      );
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    if (error instanceof OperatorError) throw error;
    throw new OperatorError(`${path} cannot be read: ${(error as Error).message}`);
  }
  if (!isTicket(text))
    throw new OperatorError(
      `${path} is there already, is no ticket, and is not overwritten; name another with CONFIG_DIR and FILE_NAME, or give --force`,
    );
}

/** A kubeconfig in which there is nobody but who has a bootstrap token. */
function isTicket(text: string): boolean {
  try {
    const { users } = parse(text) as { users: { user: Record<string, unknown> }[] };
    return (
      users.length > 0 &&
      users.every(
        ({ user: { token, ...more } }) =>
          Object.keys(more).length === 0 && /^[a-z0-9]{6}\.[a-z0-9]{16}$/.test(String(token)),
      )
    );
  } catch {
    return false;
  }
}

/** Of the 36 letters and digits of which bootstrap tokens are made. */
const random = (length: number) =>
  Array.from({ length }, () => randomInt(36).toString(36)).join("");

/** Under the names that kubeadm gives them. */
function render(cluster: string, server: string, authority: string, token: Token): string {
  const user = "tls-bootstrap-token-user";
  const context = `${user}@${cluster}`;
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: cluster, cluster: { server, "certificate-authority-data": authority } }],
    users: [{ name: user, user: { token: `${token.id}.${token.secret}` } }],
    contexts: [{ name: context, context: { cluster, user } }],
    "current-context": context,
  };
  return stringify(config, { lineWidth: 0 });
}

/** Writes the ticket beside its place, before there is such a token: where it cannot be written, none is made. */
function prepare(path: string, text: string): string {
  const waiting = `${path}.${random(8)}`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(waiting, text, { mode: 0o600, flag: "wx" });
  } catch (error) {
    throw new OperatorError(`${path} cannot be written: ${(error as Error).message}`);
  }
  return waiting;
}

/** Puts what waits in its place, which somebody may have taken meanwhile. */
function put(waiting: string, path: string, force: boolean): void {
  try {
    if (!force) {
      refuseOthers(path);
      rmSync(path, { force: true });
      linkSync(waiting, path);
    } else renameSync(waiting, path);
  } catch (error) {
    if (error instanceof OperatorError) throw error;
    throw new OperatorError(`${path} cannot be written: ${(error as Error).message}`);
  }
}

/** From now on the token lets this node come, and no other. */
async function mint(
  admin: KubeConfig,
  node: UnmanagedPlan,
  token: Token,
  until: Date,
  file: string,
): Promise<void> {
  const api = admin.makeApiClient(CoreV1Api);
  const { name } = node;
  const declared = (await told(admin, () => dataOf(api, "groundwork-nodes")))[name];
  if (!isSame(node, declared))
    throw new OperatorError(
      `the cluster at ${admin.getCurrentCluster()?.server} does not know ${name} as ${file} declares it; run 'pulumi up' first`,
    );
  const former = (await told(admin, () => dataOf(api, "groundwork-tickets")))[name];
  const secret = await told(admin, () =>
    api.createNamespacedSecret({ namespace, body: bootstrapToken(name, token, until) }),
  );
  try {
    refuseSkew(secret.metadata?.creationTimestamp);
    const own = { token: token.id, until: until.toISOString().replace(/\.\d+Z$/, "Z") };
    await told(admin, () =>
      api.patchNamespacedConfigMap(
        {
          namespace,
          name: "groundwork-tickets",
          fieldManager: `groundwork-ticket-${name}`,
          force: true,
          body: {
            apiVersion: "v1",
            kind: "ConfigMap",
            metadata: { name: "groundwork-tickets", namespace },
            data: { [name]: JSON.stringify(own) },
          } satisfies V1ConfigMap,
        },
        setHeaderOptions("Content-Type", PatchStrategy.ServerSideApply),
      ),
    );
  } catch (error) {
    await remove(api, token.id).catch(() => undefined);
    throw error;
  }
  const { token: formerId } = JSON.parse(former ?? "{}") as { token?: string };
  if (formerId !== undefined) await told(admin, () => remove(api, formerId));
}

/** What a ConfigMap has; nothing where there is none. */
async function dataOf(api: CoreV1Api, name: string): Promise<Readonly<Record<string, string>>> {
  try {
    return (await api.readNamespacedConfigMap({ namespace, name })).data ?? {};
  } catch (error) {
    if (error instanceof ApiException && error.code === 404) return {};
    throw error;
  }
}

/** Whether the cluster has of a node what the file declares (steps/declare). */
function isSame({ ip, certSans }: UnmanagedPlan, declared: string | undefined): boolean {
  const known = JSON.parse(declared ?? "{}") as Partial<UnmanagedPlan> & { managed?: boolean };
  return (
    known.managed === false &&
    known.ip === ip &&
    JSON.stringify(known.certSans) === JSON.stringify(certSans)
  );
}

/** As `invite` makes them for nodes that are managed. */
const bootstrapToken = (node: string, { id, secret }: Token, until: Date) => ({
  type: "bootstrap.kubernetes.io/token",
  metadata: { name: `bootstrap-token-${id}`, namespace },
  stringData: {
    "token-id": id,
    "token-secret": secret,
    expiration: until.toISOString(),
    description: `ticket of node ${node}`,
    "usage-bootstrap-authentication": "true",
    "auth-extra-groups": joiners,
  },
});

/** Whom Kubernetes lets ask for a first certificate. */
const joiners =
  clusterRoleBindings.find(({ role }) => role === "system:node-bootstrapper")?.subject.name ?? "";

/** A ticket of a clock that is ahead would be good for longer than it says. */
function refuseSkew(now: Date | undefined): void {
  const seconds = now === undefined ? 0 : Math.round((Date.now() - now.getTime()) / 1000);
  if (Math.abs(seconds) > skew)
    throw new OperatorError(
      `this machine's clock differs by ${Math.abs(seconds)} s from the cluster's, and a ticket's end is told by it; set it and make another`,
    );
}

async function remove(api: CoreV1Api, id: string): Promise<void> {
  try {
    await api.deleteNamespacedSecret({ namespace, name: `bootstrap-token-${id}` });
  } catch (error) {
    if (!(error instanceof ApiException && error.code === 404)) throw error;
  }
}

if (require.main === module) void main(ticket);
