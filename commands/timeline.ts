import { readFileSync, writeFileSync } from "node:fs";
import { readEvents, type Run } from "../timeline/events";
import { pageData, renderPage } from "../timeline/page";
import { command, main, OperatorError } from "./command";

const how = "PULUMI_DEBUG_COMMANDS=true pulumi up --event-log FILE";

export const timeline = command({
  name: "timeline",
  about:
    "What an `up` did when, as one HTML page that needs no other file: each step of each machine, how long it took, where\n" +
    "a machine waited, what failed. It is made of the log that Pulumi writes with\n" +
    `  ${how}\n` +
    "The page has names, types and times alone; the log has what the resources hold, too: keep it as you keep the state.",
  arguments: "EVENT_LOG",
  count: [1, 1],
  options: {
    output: {
      type: "string",
      value: "FILE",
      default: "timeline.html",
      help: "where the page is written, over a former one; default: timeline.html",
    },
  },
  statuses: { 0: "the page is written" },
  run({ output }, [log = ""]) {
    const run = read(log);
    if (run.turns.length === 0) {
      throw new OperatorError(
        `${log} tells of no resource that was changed: there is nothing to show`,
      );
    }
    writeFileSync(output, renderPage(pageData(run)));
    const failed = run.turns.filter(({ outcome }) => outcome !== "done").map(({ name }) => name);
    process.stdout.write(
      `${output} is written: ${run.turns.length} resources in ${Math.round(run.lasted)} s` +
        `${failed.length === 0 ? "" : `; not done: ${failed.join(", ")}`}\n`,
    );
    return Promise.resolve(0);
  },
});

function read(log: string): Run {
  try {
    return readEvents(readFileSync(log, "utf8"));
  } catch (error) {
    throw new OperatorError(
      `${log} is no event log: ${(error as Error).message}; ${how} writes one`,
    );
  }
}

if (require.main === module) void main(timeline);
