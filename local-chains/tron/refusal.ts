import type { BroadcastRefusal } from './node-switches.ts';

/** A node does not take a transaction: java-tron's response_code and its message. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: BroadcastRefusal;

  constructor(code: BroadcastRefusal, message: string) {
    super(message);
    this.code = code;
  }
}

export function invalidContract(message: string): Refusal {
  return new Refusal('CONTRACT_VALIDATE_ERROR', `Contract validate error : ${message}`);
}
