import type { Properties } from "../../../lab/plugins/shared/values";
import { connection } from "../../../ssh/step";
import { fed, shell } from "../../../ssh/shell";
import { Provider, secret } from "../provider";
import { cases } from "./cases";
import { startNames } from "./sshd";

/** Without what is undefined. */
const defined = (value: object) => JSON.parse(JSON.stringify(value)) as Properties;

/** Prints what the provider in the first argument says of each case, as JSON: the case's name -> its error, or "". */
async function main(program: string): Promise<void> {
  await startNames();
  const said: Record<string, string> = {};
  for await (const { name, target, agent, program: stdin = "true\n" } of cases()) {
    // As a step dials, but sooner done.
    const hasty = { dialErrorLimit: 1, perDialTimeout: 1, agentSocketPath: agent };
    const { proxy, ...own } = connection(target);
    const provider = await Provider.start(program, "command:remote:Command");
    said[name] = await provider
      .create({
        connection: secret(
          defined({
            ...own,
            ...hasty,
            ...(proxy && { proxy: { ...(proxy as object), ...hasty } }),
          }),
        ),
        create: `${shell(target, 5, 1)} create`,
        stdin: fed(target, stdin),
        logging: "none",
        addPreviousOutputInEnv: false,
      })
      .then(
        () => "",
        (error: Error) => error.message.replaceAll(process.env.PLACE ?? "", "/run"),
      );
    provider.close();
    process.stderr.write(`${name}: ${said[name]}\n`);
  }
  console.log(JSON.stringify(said, undefined, 2));
  process.exit(0);
}

void main(process.argv[2] ?? "");
