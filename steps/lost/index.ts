import type { Step } from "../step";

/**
 * Stands for a step of a machine that is gone for good. Does nothing, on another machine: which may not be taken yet, and
 * then nothing may be written to it.
 */
export const lost: Step<never> = { script: "lost", variables: {}, onForeignMachine: true };
