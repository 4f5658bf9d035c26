import type { Coin } from './coin.ts';

/** A coin that can pay for its own input, by what is left of it then. */
export interface WorthyCoin {
  readonly coin: Coin;
  /** Units less the fee of its input: more than 0. */
  readonly netUnits: bigint;
}

/** What the methods need to know of a task. */
export interface SelectionLimits {
  /** To be reached by net units: the outputs and the fee of everything but the inputs. */
  readonly targetUnits: bigint;
  /** With a change output: the target, its fee, and the least change. */
  readonly targetWithChangeUnits: bigint;
  /** Without a change output at most so much may be given away: what change would cost. */
  readonly changeCostUnits: bigint;
  readonly maxInputs: number;
  /** What one more input adds to the waste; negative where fees are low. */
  readonly inputWasteUnits: bigint;
}
