import type { ResourceValidationPolicy } from "@pulumi/policy";
import { validateCluster } from "../judge";

const noSingleCopies: ResourceValidationPolicy = {
  name: "no-single-copy-pools",
  description: "Ceph keeps two copies of everything at least: a lost disk loses no data.",
  enforcementLevel: "mandatory",
  validateResource: validateCluster(({ pools }, report) => {
    for (const { name, size } of pools.filter(({ size }) => size < 2)) {
      report(
        `${name}: keeps ${size} copy of its data, which is lost with one disk; ${remedy(name, 2)}`,
      );
    }
  }),
};

const threeCopies: ResourceValidationPolicy = {
  name: "three-copy-pools",
  description: "Ceph keeps three copies: with two, one lost disk stops writing or risks the data.",
  enforcementLevel: "advisory",
  validateResource: validateCluster(({ pools }, report) => {
    for (const { name } of pools.filter(({ size }) => size === 2)) {
      report(
        `${name}: keeps 2 copies of its data, and 3 stand a second failure; ${remedy(name, 3)}`,
      );
    }
  }),
};

function remedy(pool: string, size: number): string {
  return `set cluster.ceph.pool_size, or the size of pool ${pool}, to ${size} or more, with as many hosts with the role ceph-osd`;
}

export const ceph = [noSingleCopies, threeCopies];
