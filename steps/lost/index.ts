import type { Step } from "../step";

/** Stands for a step of a machine that is gone for good. Does nothing. */
export const lost: Step<never> = { script: "lost", variables: {} };
