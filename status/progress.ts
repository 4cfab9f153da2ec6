import type { ClusterPlan } from "../config/plan";
import { stepsOf } from "../steps/ofNode";
import type { Told } from "./cluster";

/** Whether the machine notes its steps: the releases before this one did not, and their last `up` is believed. */
export const notesSteps = ({ report: { lock, steps } }: Told) =>
  lock === null || steps["claim"] !== undefined;

/** Whether a step was done, in this life of the machine: `claim` is the first that a new life begins with. */
export function isDone(told: Told, step: string): boolean {
  const { claim, [step]: own } = told.report.steps;
  return !notesSteps(told) || (own !== undefined && own.identity === claim?.identity);
}

/** The first step of an `up` that has not been done on a machine; undefined when all are. */
export const nextStep = (told: Told, plan: ClusterPlan) =>
  stepsOf(told.node, plan).find((step) => !isDone(told, step));
