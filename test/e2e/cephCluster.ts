import assert from "node:assert/strict";
import { on } from "./lab";

export interface CephStatus {
  readonly health: { readonly status: string; readonly mutes?: readonly unknown[] };
  readonly quorum_names: readonly string[];
  readonly mgrmap: { readonly available: boolean; readonly num_standbys: number };
  readonly osdmap: {
    readonly num_osds: number;
    readonly num_up_osds: number;
    readonly num_in_osds: number;
  };
  readonly pgmap: {
    readonly num_pgs: number;
    readonly pgs_by_state: readonly { readonly state_name: string }[];
  };
}

export interface Osd {
  readonly osd: number;
  readonly uuid: string;
  readonly up: number;
  readonly in: number;
}

/** A Ceph cluster as one of its monitors' machines sees it. */
export class CephCluster {
  constructor(readonly via: string) {}

  /** Runs a command on the machine; it must succeed. */
  run(command: string): string {
    const { status, stdout, output } = on(this.via, `timeout 60 ${command}`);
    assert.equal(status, 0, `${command}:\n${output}`);
    return stdout;
  }

  /** What `ceph` answers to a command, as an object. */
  ask<T>(command: string): T {
    return JSON.parse(this.run(`ceph ${command} --format json 2>/dev/null`)) as T;
  }

  status(): CephStatus {
    return this.ask("status");
  }

  osds(): Osd[] {
    return this.ask<{ osds: Osd[] }>("osd dump").osds;
  }

  /** It is healthy, with nothing muted, all these monitors in the quorum and all these OSDs up, in and clean. */
  assertWhole(monitors: readonly string[], osds: readonly number[]): void {
    const { health, quorum_names, mgrmap, pgmap } = this.status();
    assert.equal(health.status, "HEALTH_OK", this.run("ceph health detail"));
    assert.deepEqual(health.mutes ?? [], []);
    assert.deepEqual([...quorum_names].sort(), monitors);
    assert.deepEqual([mgrmap.available, mgrmap.num_standbys], [true, monitors.length - 1]);
    assert.deepEqual(
      this.osds().map((osd) => [osd.osd, osd.up, osd.in]),
      osds.map((id) => [id, 1, 1]),
    );
    assert.ok(pgmap.num_pgs > 0);
    assert.deepEqual(
      new Set(pgmap.pgs_by_state.map(({ state_name }) => state_name)),
      new Set(["active+clean"]),
    );
  }
}
