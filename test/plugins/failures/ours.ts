import type { NodePlan } from "../../../config/plan";
import { whyNot } from "../../../ssh/wire";
import { cases } from "./cases";
import { startNames } from "./sshd";

/** Prints what we say of each case in which a machine does not run what it is given, as JSON: name -> words, or "". */
async function main(): Promise<void> {
  await startNames();
  const said: Record<string, string> = {};
  for await (const { name, target, agent, program } of cases()) {
    if (program !== undefined) continue;
    if (agent === undefined) delete process.env.SSH_AUTH_SOCK;
    else process.env.SSH_AUTH_SOCK = agent;
    const node = { name: "w1", ip: "10.0.0.21", ssh: target } as NodePlan;
    const patience = { connect: 1, ready: 3, attempts: 1, answer: 20 };
    said[name] = (await whyNot(node, patience)) ?? "";
  }
  console.log(JSON.stringify(said, undefined, 2));
  process.exit(0);
}

void main();
