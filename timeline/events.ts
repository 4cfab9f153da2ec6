import { z } from "zod";

/** One resource's turn in a run of Pulumi. Nothing of what the resource holds is in it. */
export interface Turn {
  readonly name: string;
  readonly type: string;
  /** `create`, `update`, `delete`, `create-replacement` and so on. */
  readonly op: string;
  /** Seconds from the beginning of the run. */
  readonly begin: number;
  readonly end: number;
  /** `open`: the log ends before it does. */
  readonly outcome: "done" | "failed" | "open";
}

export interface Run {
  /** Seconds since 1970. */
  readonly began: number;
  /** Seconds. */
  readonly lasted: number;
  readonly turns: readonly Turn[];
  /** Resources that were as they should be. */
  readonly unchanged: number;
  /** Names of the machines, as components have them. */
  readonly machines: readonly string[];
}

const metadata = z.object({
  op: z.string(),
  urn: z.string(),
  type: z.string(),
  new: z.object({ custom: z.boolean().optional() }).nullish(),
  old: z.object({ custom: z.boolean().optional() }).nullish(),
});
/** `planning`: of a preview, in which nothing happens. */
const step = z.object({ metadata, planning: z.boolean().optional() });

/** A line of the log, of which there are many kinds; what is not named here is not looked at. */
const event = z.object({
  timestamp: z.number(),
  resourcePreEvent: step.optional(),
  resOutputsEvent: step.optional(),
  resOpFailedEvent: step.optional(),
});
type Event = z.infer<typeof event>;
type Metadata = z.infer<typeof metadata>;

/** Those that only sum up others, or look. */
const silent = ["same", "replace", "read", "refresh"];

const nameOf = ({ urn }: Metadata) => urn.split("::").slice(3).join("::");

/**
 * What happened when, of a log that `pulumi up --event-log FILE` wrote.
 * @throws Error that names the line that is none of such a log
 */
export function readEvents(log: string): Run {
  const events = log
    .split("\n")
    .map((line, i) => ({ line, number: i + 1 }))
    .filter(({ line }) => line.trim() !== "")
    .map(({ line, number }) => parseLine(line, number));
  const times = spread(events);
  const began = times[0] ?? 0;
  const open = new Map<string, { metadata: Metadata; begin: number }>();
  const turns: Turn[] = [];
  const machines = new Set<string>();
  let unchanged = 0;
  const close = (metadata: Metadata, begin: number, end: number, outcome: Turn["outcome"]) =>
    turns.push({
      name: nameOf(metadata),
      type: metadata.type,
      op: metadata.op,
      begin,
      end,
      outcome,
    });

  events.forEach(({ resourcePreEvent, resOutputsEvent, resOpFailedEvent }, i) => {
    const at = (times[i] ?? began) - began;
    const seen = resourcePreEvent ?? resOutputsEvent ?? resOpFailedEvent;
    if (seen === undefined || seen.planning) return;
    const { metadata } = seen;
    const key = `${metadata.op} ${metadata.urn}`;
    if (resourcePreEvent) {
      if (metadata.type.endsWith(":Machine")) machines.add(nameOf(metadata));
      const isReal = (metadata.new ?? metadata.old)?.custom === true;
      if (metadata.op === "same" && isReal) unchanged++;
      if (isReal && !silent.includes(metadata.op)) open.set(key, { metadata, begin: at });
      return;
    }
    const begun = open.get(key);
    open.delete(key);
    if (begun) close(metadata, begun.begin, at, resOpFailedEvent ? "failed" : "done");
  });
  const lasted = (times.at(-1) ?? began) - began;
  for (const { metadata, begin } of open.values()) close(metadata, begin, lasted, "open");
  return { began, lasted, turns, unchanged, machines: [...machines].sort() };
}

function parseLine(line: string, number: number): Event {
  let data: unknown;
  try {
    data = JSON.parse(line);
  } catch {
    throw new Error(`line ${number} is no JSON, or cut short`);
  }
  const parsed = event.safeParse(data);
  if (parsed.success) return parsed.data;
  throw new Error(
    `line ${number} is no event of Pulumi: ${parsed.error.issues[0]?.path.join(".")}`,
  );
}

/** Pulumi notes whole seconds: events of the same second are spread over it, in their order. */
function spread(events: readonly Event[]): number[] {
  const of = new Map<number, number>();
  for (const { timestamp } of events) of.set(timestamp, (of.get(timestamp) ?? 0) + 1);
  const seen = new Map<number, number>();
  return events.map(({ timestamp }) => {
    const nth = seen.get(timestamp) ?? 0;
    seen.set(timestamp, nth + 1);
    return timestamp + nth / (of.get(timestamp) ?? 1);
  });
}
