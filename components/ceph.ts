import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { fill } from "../arguments/standIns";
import type { CephPlan } from "../config/ceph";
import { type NodePlan, runsCeph } from "../config/plan";
import { ports } from "../config/ports";
import { cephConfigure } from "../steps/ceph-configure";
import { cephGenesis } from "../steps/ceph-genesis";
import { cephRelease } from "../steps/ceph-release";
import { cephRetire } from "../steps/ceph-retire";
import { cephUpgrade } from "../steps/ceph-upgrade";
import { cephSettings } from "../steps/lib/ceph";
import { issueCertificate, type KeyPair } from "./certificate";
import { CephHost, type CephHostArgs } from "./cephHost";
import { CephIdentity, keyring, renewedUsers } from "./cephIdentity";
import { CephMonitor } from "./cephMonitor";
import { CephOsd } from "./cephOsd";
import { LostCephNode } from "./lostCephNode";
import type { Machine } from "./machine";
import { monitorFor } from "./orderCeph";
import type { Steps } from "./steps";

export interface CephArgs extends Pick<CephHostArgs, "cluster"> {
  readonly plan: CephPlan;
  /** All machines of the cluster, among them those the plan names. */
  readonly machines: readonly Machine[];
  /** Whether identity, keys and birth refuse to be deleted. */
  readonly protect: boolean;
  readonly steps: Steps;
}

/** Where the dashboard answers, and who may log in. */
export interface CephDashboard {
  /** One URL for each manager; a standby sends browsers on to the active one. */
  readonly urls: pulumi.Input<readonly string[]>;
  readonly user: string;
  /** Secret. */
  readonly password: pulumi.Output<string>;
  /** Certificates of all authorities, PEM, by which a browser knows the dashboards: one, but while another follows. */
  readonly ca: pulumi.Output<string>;
}

/**
 * A Ceph cluster on the machines that carry Ceph's roles, beside Kubernetes and independent of its health: a monitor and
 * a manager on each `ceph-mon`, an OSD for each device of each `ceph-osd`, the pools, the users and the dashboard.
 */
export class Ceph extends pulumi.ComponentResource {
  readonly plan: CephPlan;
  readonly identity: CephIdentity;
  readonly dashboard: CephDashboard | undefined;

  constructor(name: string, args: CephArgs, opts: pulumi.ComponentResourceOptions = {}) {
    super("groundwork:index:Ceph", name, {}, opts);
    const { cluster, plan, protect, steps } = args;
    this.plan = plan;
    const child = { parent: this };
    if (plan.monitors.length % 2 === 0) {
      const text = `${plan.monitors.length} nodes have the role ceph-mon: they survive no more failures than one less would`;
      void pulumi.log.warn(text, this);
    }
    this.identity = new CephIdentity(`${name}-identity`, { plan, protect, steps }, child);
    const { identity } = this;
    const { fsid } = identity;

    const hosts = new Map(
      args.machines
        .filter(({ node }) => runsCeph(node))
        .map((machine) => [
          machine.node.name,
          new CephHost(`${name}-${machine.node.name}`, { cluster, plan, identity, machine }, child),
        ]),
    );
    const hostOf = (node: string): CephHost => {
      const host = hosts.get(node);
      if (host === undefined) throw new Error(`${node} has a role of Ceph but no machine`);
      return host;
    };

    const [first, ...others] = plan.monitors;
    if (first === undefined) throw new Error("a Ceph cluster has at least one monitor");
    const { packages } = plan;
    if (packages)
      hostOf(first.name).machine.run(
        cephUpgrade({ fsid, packages }),
        "ceph-upgrade",
        child,
        `${name}-upgrade`,
      );
    const genesis = hostOf(first.name).machine.run(
      cephGenesis({
        fsid,
        connectionMode: plan.connectionMode,
        peers: others.map(({ ip }) => ip),
        keyring: keyring(
          identity.monitor,
          identity.admin,
          identity.osdHost,
          identity.crash,
          ...identity.kubernetes,
          ...identity.managers.values(),
        ),
        settings: cephSettings(plan),
      }),
      "ceph-genesis",
      // Born once: it never runs again however the list of monitors changes.
      { parent: this, protect, ignoreChanges: ["connection", "create", "stdin"] },
      `${name}-genesis`,
    );
    const daemon = { identity, genesis, version: packages?.version };
    for (const node of plan.monitors) {
      const dashboard = plan.dashboard ? this.dashboardCertificate(name, node) : undefined;
      const host = hostOf(node.name);
      const renewed = renewedUsers(plan, identity);
      new CephMonitor(`${name}-${node.name}-mon`, { ...daemon, host, dashboard, renewed }, child);
    }
    for (const osd of plan.osds) {
      const host = hostOf(osd.node.name);
      const via = hostOf((monitorFor(plan, osd) ?? osd.node).name);
      new CephOsd(
        `${name}-${osd.node.name}-osd-${osd.id}`,
        { ...daemon, plan: osd, host, via },
        child,
      );
    }
    for (const host of [...hosts.values()].filter(({ machine }) => machine.node.lost))
      new LostCephNode(
        `${name}-${host.machine.node.name}`,
        { ...daemon, plan, host, via: hostOf(first.name) },
        child,
      );

    const password = new random.RandomPassword(`${name}-dashboard`, { length: 24 }, child).result;
    this.dashboard = plan.dashboard
      ? {
          urls: fill(plan.monitors.map(({ ip }) => `https://${ip}:${ports.cephDashboard}`)),
          user: "admin",
          password,
          ca: identity.ca.trusted,
        }
      : undefined;
    hostOf(first.name).machine.run(
      cephConfigure({
        plan,
        fsid,
        users: keyring(identity.osdHost, identity.crash, ...identity.kubernetes),
        dashboardPassword: password,
      }),
      "ceph-configure",
      { parent: this, deletedWith: genesis },
      `${name}-configure`,
    );
    if (packages)
      hostOf(first.name).machine.run(
        cephRelease({ fsid, packages }),
        "ceph-release",
        { parent: this, deletedWith: genesis },
        `${name}-release`,
      );
    if (plan.rotations.oldestKubernetesKey > 1)
      hostOf(first.name).machine.run(
        cephRetire({ plan, fsid }),
        "ceph-retire",
        { parent: this, deletedWith: genesis },
        `${name}-retire`,
      );
    this.registerOutputs();
  }

  /** Each manager has a certificate of its own, so that a manager more or less changes none of the others. */
  private dashboardCertificate(name: string, node: NodePlan): KeyPair {
    return issueCertificate(
      `${name}-${node.name}-dashboard`,
      {
        authority: this.identity.ca,
        commonName: "ceph-dashboard",
        uses: ["server_auth"],
        dnsNames: [...new Set([node.name, node.hostname])],
        ipAddresses: [node.ip],
      },
      { parent: this },
    );
  }
}
