import { setTimeout as sleep } from "node:timers/promises";

/** What came of one look, and the status to end with after it. */
export interface Look {
  readonly text: string;
  readonly status: number;
}

/** Where it is shown. */
export interface Terminal {
  readonly isTTY?: boolean;
  readonly rows?: number;
  write(text: string): unknown;
  on(event: "resize", listener: () => void): unknown;
  off(event: "resize", listener: () => void): unknown;
}

/** Another screen than the one with the shell's history, without cursor, on which long lines are cut. */
const enter = "\u001b[?1049h\u001b[?25l\u001b[?7l";
const leave = "\u001b[?7h\u001b[?25h\u001b[?1049l";

/** What redraws the whole screen with as much of a text as fits. */
export function frame(text: string, rows: number): string {
  const lines = text.trimEnd().split("\n");
  const hidden = lines.length - rows;
  const shown = hidden > 0 ? [...lines.slice(0, rows - 1), `... ${hidden + 1} more lines`] : lines;
  // Each line is cleared behind its own text: nothing flickers.
  return `\u001b[H${shown.map((line) => `${line}\u001b[K`).join("\r\n")}\u001b[J`;
}

/**
 * Looks again and again until `stop`: on a terminal always on the same screen, elsewhere one text after the other. What was
 * seen last stays.
 * @param seconds between two looks
 * @returns the status of the last look; 2 when there was none
 */
export async function watch(
  look: (stop: AbortSignal) => Promise<Look>,
  seconds: number,
  terminal: Terminal,
  stop: AbortSignal,
): Promise<number> {
  let last: Look | undefined;
  let at = "";
  const heading = () => `every ${seconds} s, at ${at}; Ctrl-C ends`;
  const draw = () => {
    if (last) terminal.write(frame(`${heading()}\n\n${last.text}`, terminal.rows ?? 24));
  };
  if (terminal.isTTY) {
    terminal.write(enter);
    terminal.on("resize", draw);
  }
  try {
    while (!stop.aborted) {
      const next = await look(stop);
      // What was cut short says nothing of the cluster.
      if (stop.aborted) break;
      last = next;
      at = new Date().toTimeString().slice(0, 8);
      if (terminal.isTTY) draw();
      else terminal.write(`${at}\n${next.text}\n`);
      await sleep(seconds * 1000, undefined, { signal: stop }).catch(() => undefined);
    }
  } finally {
    if (terminal.isTTY) {
      terminal.off("resize", draw);
      terminal.write(`${leave}${last?.text ?? ""}`);
    }
  }
  return last?.status ?? 2;
}
