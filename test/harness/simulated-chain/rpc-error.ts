/** What a node answers in place of a result, by JSON-RPC 2.0. */
export class RpcError extends Error {
  override readonly name = 'RpcError';
  readonly code: number;
  readonly data: unknown;

  constructor(code: number, message: string, data?: unknown) {
    super(message);
    this.code = code;
    this.data = data;
  }
}

/** geth's code for what it refuses in its own words. */
export const REFUSED = -32_000;
export const INVALID_PARAMETERS = -32_602;
export const NO_SUCH_METHOD = -32_601;
/** Of a call that a contract reverted. */
export const REVERTED = 3;
