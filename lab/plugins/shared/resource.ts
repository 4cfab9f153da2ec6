import type { LogSeverity } from "@pulumi/pulumi/proto/engine_pb";
import type { Properties } from "./values";

/** What a resource's handler is told besides its properties. */
export interface Context {
  readonly urn: string;
  /** The resource's type token, for example `tls:index/privateKey:PrivateKey`. */
  readonly type: string;
  /** The resource's name in the program. */
  readonly name: string;
  /** From `customTimeouts`, in seconds; 0 if the program sets none. */
  readonly timeout: number;
  /** Aborted when the operator interrupts the engine. */
  readonly signal: AbortSignal;
  log(severity: LogSeverity, message: string, ephemeral?: boolean): void;
}

export interface CheckFailure {
  /** The input at fault. */
  readonly property: string;
  readonly reason: string;
}

export interface Checked {
  /** As the state has them: mostly as the program gave them. */
  readonly inputs: Properties;
  readonly failures?: readonly CheckFailure[];
}

export interface Existing {
  readonly id: string;
  /** Its inputs when it was last created or updated. */
  readonly inputs: Properties;
  /** Its outputs, inputs among them. */
  readonly state: Properties;
}

export interface Difference {
  /** Names of the properties that changed. */
  readonly changed: readonly string[];
  /** Those of them that an update cannot change. */
  readonly replaces: readonly string[];
  /** Default: false, the new one is created first. */
  readonly deleteBeforeReplace?: boolean;
}

export interface Created {
  readonly id: string;
  readonly outputs: Properties;
}

/**
 * One type of resource. Properties come without secret wrappers; a property is secret in the outputs if the input of
 * the same name is, or if it is listed in `secrets`. All outputs hold the inputs too. An input that is listed in `secrets`
 * is secret in the state, whether or not the program says so.
 */
export interface Resource {
  /** Outputs that are unknown at preview. */
  readonly computed: readonly string[];
  /** Properties that are secret whatever the program says. */
  readonly secrets?: readonly string[];
  /** The inputs as all but `check` gets them: with what they are by default, which is in the outputs only. Default: as they are. */
  complete?(inputs: Properties): Properties;
  /** Default: takes all inputs as they are. */
  check?(inputs: Properties, olds: Properties, context: Context): Checked | Promise<Checked>;
  /** Default: compares the inputs; an update can change all of them, or none if there is no `update`. */
  diff?(old: Existing, inputs: Properties, context: Context): Difference | Promise<Difference>;
  /** Outputs at preview, of a create or an update. Default: the inputs, and all `computed` unknown. */
  preview?(inputs: Properties, old: Existing | undefined, context: Context): Promise<Properties>;
  create(inputs: Properties, context: Context): Created | Promise<Created>;
  update?(old: Existing, inputs: Properties, context: Context): Promise<Properties>;
  /** Default: nothing is to be done. */
  delete?(old: Existing, context: Context): Promise<void>;
  /** Undefined: it is gone. Default: what is known is what is. */
  read?(old: Existing, context: Context): Promise<Existing | undefined>;
}
