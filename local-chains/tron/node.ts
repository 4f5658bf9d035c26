import type { NodeSwitches } from './node-switches.ts';

/** One full node's HTTP API, over its own view of the chain. */
export interface TronNode {
  readonly name: string;
  /**
   * `path` as in '/wallet/getnowblock', or without the first slash; gives the parsed JSON answer, errors of java-tron included.
   * Throws {@link NodeTrouble} where over HTTP no JSON would come.
   */
  post(path: string, body?: unknown): Promise<unknown>;
  /** The switches that are in force. */
  readonly switches: NodeSwitches;
  /** Changes the switches given, and leaves the others. */
  set(changes: Partial<NodeSwitches>): void;
}

/**
 * silent: nothing came · refused: no connection · unavailable: HTTP 503 · broken: no JSON · no such path:
 * HTTP 404.
 */
export type TroubleKind = 'silent' | 'refused' | 'unavailable' | 'broken' | 'no such path';

export class NodeTrouble extends Error {
  override readonly name = 'NodeTrouble';
  readonly kind: TroubleKind;

  constructor(kind: TroubleKind) {
    super(`The node's answer: ${kind}.`);
    this.kind = kind;
  }
}
