/** The program a step sends to a machine, taken apart again. */
export interface Program {
  readonly variables: Readonly<Record<string, string>>;
  readonly texts: Readonly<Record<string, string>>;
  /** `path mode owner` -> content. */
  readonly files: Readonly<Record<string, string>>;
  /** The script that runs for `delete`. */
  readonly undo: string | undefined;
}

const end = "GROUNDWORK_END";
const variable = /(\w+)='((?:[^']|'\\'')*)'\n/y;
const text = new RegExp(`^(\\w+)\\(\\) \\{\\ncat <<'${end}'\\n([^]*?)^${end}\\n\\}\\n`, "gm");
const staged = new RegExp(`^stage '(.*)' (\\d{4} \\S+) <<'${end}'\\n([^]*?)^${end}\\n`, "gm");

const apart = [/^stage '(.*)' \d{4} \S+ <"\$IN\//gm, /^(\w+)\(\) \{ cat "\$IN\//gm];

/** What is secret of a step, by its standard input: paths of files, and names of texts. */
export function secretsOf(stdin: string): Set<string> {
  return new Set(apart.flatMap((form) => [...stdin.matchAll(form)].map(([, name = ""]) => name)));
}

/** Reads what `renderProgram` wrote. */
export function readProgram(stdin: string): Program {
  const variables: Record<string, string> = {};
  variable.lastIndex = "main() {\n".length;
  let rest = variable.lastIndex;
  for (let found = variable.exec(stdin); found; found = variable.exec(stdin)) {
    variables[found[1] ?? ""] = (found[2] ?? "").replaceAll("'\\''", "'");
    rest = variable.lastIndex;
  }
  const texts: Record<string, string> = {};
  const files: Record<string, string> = {};
  const program = stdin.slice(rest);
  for (const [, name = "", content = ""] of program.matchAll(text)) texts[name] = content;
  for (const [, path = "", rights = "", content = ""] of program.matchAll(staged))
    files[`${path} ${rights}`] = content;
  const [, undo] = /^delete\)\nSTEP=(.+)$/m.exec(program) ?? [];
  return { variables, texts, files, undo };
}
