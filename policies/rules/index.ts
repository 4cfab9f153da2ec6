import type { Policies } from "@pulumi/policy";
import { ceph } from "./ceph";
import { certificates } from "./certificates";
import { connections } from "./connections";
import { network } from "./network";
import { ordering } from "./ordering";
import { protection } from "./protection";
import { removal } from "./removal";
import { secrets } from "./secrets";
import { topology } from "./topology";
import { tokens } from "./tokens";
import { versions } from "./versions";

/** Every policy of the pack. */
export const policies: Policies = [
  ...topology,
  ...network,
  ...versions,
  ...connections,
  ...tokens,
  ...secrets,
  ...certificates,
  ...ordering,
  ...protection,
  ...removal,
  ...ceph,
];
