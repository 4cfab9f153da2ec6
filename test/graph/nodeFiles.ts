import { readProgram } from "./program";
import { recordSample } from "./samples";

export interface FileOnNode {
  readonly path: string;
  readonly mode: string;
  readonly owner: string;
  readonly content: string;
}

/** Every file a node of a sample cluster gets, whichever step brings it, by path. */
export async function filesOn(sample: string, node: string): Promise<Map<string, FileOnNode>> {
  const { resources } = await recordSample(sample);
  const found = new Map<string, FileOnNode>();
  for (const { name, program } of resources) {
    if (!new RegExp(`^(ceph-)?${node}-`).test(name) || program === "") continue;
    for (const [key, content] of Object.entries(readProgram(program).files)) {
      const [path = "", mode = "", owner = ""] = key.split(" ");
      found.set(path, { path, mode, owner, content });
    }
  }
  return found;
}

/** The systemd units among them, timers too: `kubelet.service` -> text. */
export async function unitsOn(sample: string, node: string): Promise<Map<string, string>> {
  const files = [...(await filesOn(sample, node)).values()];
  return new Map(
    files.flatMap(({ path, content }) => {
      const unit = /^\/etc\/systemd\/system\/([^/]+\.(?:service|timer))$/.exec(path)?.[1];
      return unit === undefined ? [] : [[unit, content] as const];
    }),
  );
}
