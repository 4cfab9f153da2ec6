import { existsSync, readFileSync } from "node:fs";
import type { NodePlan, SshTarget } from "../../../config/plan";
import { Dialer } from "../../../ssh/dial";
import { runAsRoot } from "../../../ssh/run";
import { whyNot } from "../../../ssh/wire";
import { startSshd } from "./sshd";

/** How many guesses sudo has logged. */
const guesses = () =>
  !existsSync("/run/guesses")
    ? 0
    : [...readFileSync("/run/guesses", "utf8").matchAll(/(\d+) incorrect password attempt/g)]
        .map(([, count]) => Number(count))
        .reduce((sum, count) => sum + count, 0);

/** Prints how often sudo was given a wrong password by what we do, as JSON. */
async function main(): Promise<void> {
  const server = await startSshd();
  const { port, hostKey } = server;
  const privateKey = readFileSync(process.env.KEY ?? "", "utf8");
  const target = (sudoPassword: string): SshTarget => ({
    ...{ host: "127.0.0.1", port, user: "asked", hostKey, privateKey, sudoPassword },
  });
  const patience = { connect: 5, ready: 5, attempts: 1, answer: 20 };
  const look = (password: string) =>
    whyNot({ name: "w1", ssh: target(password) } as NodePlan, patience);
  const counted: Record<string, unknown> = {};
  const first = await look("wrong");
  counted["one look"] = guesses();
  const second = await look("wrong");
  counted["two looks"] = guesses();
  counted["the same is said of both"] = first !== undefined && first === second;
  await look("other");
  counted["a look with another"] = guesses();
  counted["the right one"] = (await look("groundwork")) ?? "";
  const dialer = new Dialer(patience);
  const client = await dialer.dial(target("wrong"));
  const program = "main() { touch /run/ran; }\nmain\n";
  const { status } = await runAsRoot(client, target("wrong"), program, { seconds: 9, limit: 19 });
  counted["a step"] = guesses();
  counted["its status"] = status;
  counted["it ran"] = existsSync("/run/ran");
  dialer.close();
  await server.stop();
  console.log(JSON.stringify(counted));
  process.exit(0);
}

void main();
