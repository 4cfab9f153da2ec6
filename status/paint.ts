import { styleText } from "node:util";

/** Marks text for a terminal. */
export type Paint = (text: string, style: Style) => string;
export type Style = keyof typeof formats;

const formats = { good: "green", bad: "red", warn: "yellow", dim: "dim", bold: "bold" } as const;

export const plain: Paint = (text) => text;
export const colours: Paint = (text, style) =>
  text === "" ? "" : styleText(formats[style], text, { validateStream: false });

/** Colours for terminals, unless NO_COLOR says no (https://no-color.org). */
export function paintFor(stream: { isTTY?: boolean }, { NO_COLOR }: NodeJS.ProcessEnv): Paint {
  return stream.isTTY === true && !NO_COLOR ? colours : plain;
}

/** A text with its style: kept apart, so that the width of a column is that of what is seen. */
export interface Cell {
  readonly text: string;
  readonly style?: Style;
}

/** Rows as aligned columns, two blanks between them. A column in which no row has anything is left out. */
export function table(rows: readonly (readonly Cell[])[], titles: readonly string[], paint: Paint) {
  const used = titles.map((_, column) => rows.some((row) => row[column]?.text));
  const lines = [titles.map((text): Cell => ({ text, style: "dim" })), ...rows].map((row) =>
    row.filter((_, column) => used[column]),
  );
  const widths = (lines[0] ?? []).map((_, column) =>
    Math.max(...lines.map((row) => row[column]?.text.length ?? 0)),
  );
  return lines.map((row) =>
    row
      .map(({ text, style }, column) => {
        const filler = column === row.length - 1 ? 0 : (widths[column] ?? 0) - text.length;
        return (style ? paint(text, style) : text) + " ".repeat(filler);
      })
      .join("  ")
      .trimEnd(),
  );
}

/** A text in lines of at most `width`, the further ones indented. */
export function wrap(text: string, width: number, indent: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && `${last} ${word}`.length <= width) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else {
      lines.push(last === undefined ? word : indent + word);
    }
  }
  return lines;
}
