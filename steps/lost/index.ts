import type { Step } from "../step";

/** Stands for a step of a machine that is gone for good. Does nothing, on a machine that may not be taken yet. */
export const lost: Step<never> = { script: "lost", variables: {}, onForeignMachine: true };
