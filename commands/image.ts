import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadCluster } from "../config/load";
import { type ClusterPlan, type NodePlan, roleOf } from "../config/plan";
import { imageProgram } from "../steps/image";
import {
  containerfile,
  mkosiConf,
  programName,
  type System,
  systems,
} from "../steps/image/recipes";
import { command, common, main, OperatorError } from "./command";

const roles = ["master", "worker", "storage"] as const;
const known = Object.keys(systems) as System[];

export const image = command({
  name: "image",
  about:
    "Writes into a folder how an image of a node is made: for mkosi a disk, for podman and bootc a container. The image holds the\n" +
    "programs, packages and settings that 'pulumi up' would bring to such a node, by the same checksums, and no identity: no host\n" +
    "key, no machine id, no name, no secret. A machine that is made of it is ready in a moment, and is any node of its role.",
  arguments: "FOLDER",
  count: [1, 1],
  options: {
    file: common.file,
    role: {
      type: "string",
      value: "ROLE",
      default: "worker",
      help: `${roles.join(", ")}: of which nodes of the file; default: worker`,
    },
    system: {
      type: "string",
      value: "SYSTEM",
      default: "debian-13",
      help: `${known.join(", ")}: what mkosi installs; default: debian-13`,
    },
  },
  statuses: { 0: "it is written" },
  async run({ file, role, system }, [folder = ""]) {
    const of = chosen(known, "system", system);
    const cluster = loadCluster(file);
    const node = exemplar(cluster, chosen(roles, "role", role), file);
    const files = {
      "mkosi.conf": mkosiConf(node, cluster, of),
      Containerfile: containerfile(node, cluster),
      [programName]: imageProgram(node, cluster),
    };
    write(folder, files);
    process.stdout.write(
      `${folder} has what makes an image of a ${role}: as root, 'mkosi --directory ${folder} build'` +
        ` makes a disk of ${of}, 'podman build --build-arg BASE=IMAGE ${folder}' a container.\n`,
    );
    return Promise.resolve(0);
  },
});

function chosen<T extends string>(from: readonly T[], option: string, value: string): T {
  const found = from.find((one) => one === value);
  if (found === undefined)
    throw new OperatorError(`--${option} ${value} is not known; give one of ${from.join(", ")}`);
  return found;
}

/** A node that has what any of that role may need: an image is one for all of them. */
function exemplar({ nodes }: ClusterPlan, role: (typeof roles)[number], file: string): NodePlan {
  const alike = nodes.filter((node) => roleOf(node) === role && !node.lost);
  const [first] = alike;
  if (first === undefined) throw new OperatorError(`${file} has no node that is a ${role}`);
  const other = alike.find(({ architecture }) => architecture !== first.architecture);
  if (other)
    throw new OperatorError(
      `${first.name} is ${first.architecture} and ${other.name} ${other.architecture}: an image is for one of them; give a file with the others left out`,
    );
  return { ...first, roles: [...new Set(alike.flatMap(({ roles }) => roles))] };
}

/** What is there of an earlier run is written over, and nothing else is there after. */
function write(folder: string, files: Readonly<Record<string, string>>): void {
  try {
    mkdirSync(folder, { recursive: true });
    const others = readdirSync(folder).filter((name) => /\.chroot$|^mkosi\./.test(name));
    const foreign = others.filter(
      (name) => !(name in files) && !/^mkosi\.(output|cache|extra|sandbox|builddir)$/.test(name),
    );
    if (foreign.length > 0)
      throw new OperatorError(
        `${folder} has ${foreign.join(", ")}, which is no part of this image; give another folder`,
      );
    for (const [name, text] of Object.entries(files))
      writeFileSync(join(folder, name), text, { mode: name === programName ? 0o755 : 0o644 });
  } catch (error) {
    if (error instanceof OperatorError) throw error;
    throw new OperatorError(`${folder} cannot be written: ${(error as Error).message}`);
  }
}

if (require.main === module) void main(image);
