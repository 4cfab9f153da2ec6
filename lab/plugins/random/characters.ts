import { randomInt } from "crypto";
import { type Properties, textOf } from "../shared/values";

interface Class {
  readonly characters: string;
  /** How many of it there are at least. */
  readonly minimum: number;
}

const defaultSpecials = "!@#$%&*()-_=+[]{}<>:?";

/** Defaults of the inputs that RandomString and RandomPassword share. `number` is the old name of `numeric`. */
export function characterDefaults(inputs: Properties): Properties {
  const numeric = inputs.numeric ?? inputs.number ?? true;
  return {
    lower: true,
    upper: true,
    special: true,
    minLower: 0,
    minUpper: 0,
    minNumeric: 0,
    minSpecial: 0,
    ...inputs,
    numeric,
    number: numeric,
  };
}

/** A string of `length` characters, at least the asked-for number of each class, in random order. */
export function randomCharacters(inputs: Properties): string {
  const classes = [
    classOf("lower", "abcdefghijklmnopqrstuvwxyz"),
    classOf("upper", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    classOf("numeric", "0123456789"),
    classOf("special", textOf(inputs.overrideSpecial) || defaultSpecials),
  ].filter((one) => one !== undefined);
  const all = classes.map(({ characters }) => characters).join("");
  if (!all) throw new Error("all classes of characters are switched off: leave at least one on");
  const chosen = classes.flatMap(({ characters, minimum }) => pick(characters, minimum));
  const length = Number(inputs.length);
  if (chosen.length > length) {
    throw new Error(
      `length is ${length}, less than the sum of the min... inputs, ${chosen.length}`,
    );
  }
  return shuffle([...chosen, ...pick(all, length - chosen.length)]).join("");

  function classOf(name: string, characters: string): Class | undefined {
    if (inputs[name] === false) return undefined;
    const minimum = inputs[`min${name[0]?.toUpperCase()}${name.slice(1)}`];
    return { characters, minimum: Number(minimum ?? 0) };
  }
}

function pick(characters: string, count: number): string[] {
  return Array.from({ length: count }, () => characters.charAt(randomInt(characters.length)));
}

/** Fisher and Yates. */
function shuffle(items: string[]): string[] {
  for (let last = items.length - 1; last > 0; last--) {
    const other = randomInt(last + 1);
    [items[last], items[other]] = [items[other] ?? "", items[last] ?? ""];
  }
  return items;
}
