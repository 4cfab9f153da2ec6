/** Writes docs/commands.md from the commands' own `--help`. Run by `npm run schema`; a test finds a page that is behind. */
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Command, help } from "./command";

export const page = join(__dirname, "..", "docs", "commands.md");

/** Files of this folder that are no command. */
const others = ["administrator.ts", "command.ts", "reference.ts"];

/** All commands, by name: each is what the file `NAME.ts` exports under its name. */
export function commands(): Command[] {
  return readdirSync(__dirname)
    .filter((file) => file.endsWith(".ts") && !others.includes(file))
    .sort()
    .map((file) => {
      const name = file.slice(0, -3);
      // eslint-disable-next-line @typescript-eslint/no-require-imports -- which there are, the folder says
      const found = (require(`./${name}`) as Record<string, Command | undefined>)[name];
      if (found === undefined) throw new Error(`commands/${file} exports no command ${name}`);
      return found;
    });
}

/** What docs/commands.md should be. */
export function reference(): string {
  const parts = commands().map((it) => `## ${it.name}\n\n\`\`\`\n${help(it)}\`\`\`\n`);
  return `# Commands

<!-- Written by \`npm run schema\` from commands/. -->

What an operator runs beside \`pulumi\`. Each tells what it does with \`--help\`, and ends with a status that scripts can use.

${parts.join("\n")}`;
}

if (require.main === module) writeFileSync(page, reference());
