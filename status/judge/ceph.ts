import { validate } from "uuid";
import { osdUuid } from "../../config/ceph";
import { osdStep } from "../../steps/ofNode";
import {
  type ClusterStatus,
  listed,
  reportsOf,
  silent,
  speakers,
  forget,
  unlisted,
  word,
} from "../cluster";
import { about, type Finding } from "../finding";
import { isDone } from "../progress";
import type { CephView } from "../report";

const { problem } = about("ceph");

/** Ceph's own judgement, and its monitors and OSDs against those of the file. */
export function judgeCeph(status: ClusterStatus): Finding[] {
  const { plan, ceph } = status;
  if (!plan.ceph) return [];
  const monitors = plan.ceph.monitors.map(({ name }) => name);
  if (!ceph) {
    const asked = reportsOf(status.answers).filter(
      ({ node, report }) =>
        node.roles.includes(speakers.ceph) &&
        report.cephDaemons.some(({ name }) => name.startsWith("mon.")),
    );
    return asked.length === 0
      ? []
      : [
          problem(
            `Ceph answers none of its monitors' machines (${listed(asked.map(({ node }) => node.name))})`,
            `bring a majority of ${listed(monitors)} back; read journalctl -u ceph-mon@NODE there`,
          ),
        ];
  }
  const missing = silent(status.answers);
  return [
    ...health(ceph, monitors, missing),
    ...ceph.monitors
      .filter(({ name }) => !monitors.includes(name))
      .map(({ name }) =>
        problem(
          `Ceph has a monitor ${name} that ${unlisted(plan, name)}`,
          forget(plan, name, `on a monitor: ceph mon remove ${word(name, "NAME")}`),
        ),
      ),
    ...monitors
      .filter((name) => did(status, name, "ceph-mon"))
      .filter((name) => !ceph.monitors.some((monitor) => monitor.name === name))
      .map((name) => problem(`Ceph has no monitor on ${name}`, "run pulumi up", name)),
    ...(ceph.manager === null
      ? [problem("no manager of Ceph is active", "read journalctl -u ceph-mgr@NODE on a monitor")]
      : []),
    ...osds(status, ceph, missing),
  ];
}

/** Whether a node says that it did a step: where it did not, or says nothing, that has been said. */
function did({ answers }: ClusterStatus, name: string, step: string): boolean {
  return reportsOf(answers).some((told) => told.node.name === name && isDone(told, step));
}

function health(ceph: CephView, monitors: readonly string[], dead: ReadonlySet<string>): Finding[] {
  if (ceph.health === "HEALTH_OK") return [];
  const checks = ceph.checks.map(({ message }) => message).join("; ");
  const waits = dead.size > 0 ? `it may be for want of ${listed([...dead])}; ` : "";
  return [
    problem(
      `Ceph says ${ceph.health}: ${checks}`,
      `${waits}details on ${monitors[0]}: ceph health detail`,
    ),
  ];
}

/** The OSDs of the file are known by the UUIDs that the program gave them. */
function osds(status: ClusterStatus, ceph: CephView, dead: ReadonlySet<string>): Finding[] {
  const planned = [...(status.plan.ceph?.osds ?? []), ...(status.plan.ceph?.lost.osds ?? [])].map(
    ({ node, path, id }) => ({
      node: node.name,
      lost: node.lost,
      step: osdStep({ id }),
      path,
      // What a node says may be no UUID: then none of the OSDs is one of the file.
      uuid: validate(ceph.fsid) ? osdUuid(ceph.fsid, node.name, path) : "",
    }),
  );
  return [
    ...planned.flatMap(({ node, lost, step, path, uuid }) => {
      const osd = ceph.osds.find((osd) => osd.uuid === uuid);
      if (lost) {
        return osd
          ? [
              problem(
                `Ceph has osd.${osd.id} of ${node}, which the file calls lost`,
                "run pulumi up",
              ),
            ]
          : [];
      }
      if (dead.has(node)) return [];
      if (!osd) {
        return did(status, node, step)
          ? [problem(`Ceph has no OSD for ${path} of ${node}`, "run pulumi up", node)]
          : [];
      }
      if (osd.up && osd.in) return [];
      const state = osd.up ? "out: it takes no data" : osd.in ? "down" : "down and out";
      return [
        problem(
          `osd.${osd.id} on ${node} (${path}) is ${state}`,
          osd.up
            ? `ceph osd in ${osd.id}, unless it is being emptied`
            : `read journalctl -u ceph-osd@${osd.id} there`,
          node,
        ),
      ];
    }),
    ...ceph.osds
      .filter(({ uuid }) => !planned.some((one) => one.uuid === uuid))
      .map(({ id }) =>
        problem(
          `Ceph has an OSD osd.${id} that the file does not list`,
          `put its device into the file again, or empty and remove it: ceph osd find ${id} tells where it is`,
        ),
      ),
  ];
}
