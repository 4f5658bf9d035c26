import type { Json } from './chain-interface.ts';

/** The error object of a JSON-RPC answer. */
export class RpcRefusal extends Error {
  override readonly name = 'RpcRefusal';
  readonly code: number;
  readonly data: Json;

  constructor(code: number, message: string, data: Json = null) {
    super(message);
    this.code = code;
    this.data = data;
  }
}

/** No answer came. What was asked may have been carried out. */
export class NodeSilence extends Error {
  override readonly name = 'NodeSilence';
  /** Whether the connection stays open and nothing comes, or breaks. */
  readonly kind: 'hangs' | 'breaks';

  constructor(kind: 'hangs' | 'breaks', message: string) {
    super(message);
    this.kind = kind;
  }
}

/** "Invalid params", with what is wrong with them. */
export function invalidParams(message: string): RpcRefusal {
  return new RpcRefusal(-32_602, message);
}

/** An account of more than 128 bytes, asked for in base58. */
export function tooLongForBase58(): RpcRefusal {
  const limit = 'Encoded binary (base 58) data should be less than 128 bytes';
  return new RpcRefusal(-32_600, `${limit}, please use Base64 encoding.`);
}

// The numbers of the validator's own errors: docs.anza.xyz, "JSON RPC", and RpcCustomError.
export function blockCleanedUp(slot: number, firstAvailable: number): RpcRefusal {
  const message = `Block ${slot} cleaned up, does not exist on node. First available block: ${firstAvailable}`;
  return new RpcRefusal(-32_001, message);
}

export function preflightFailure(message: string, result: Json): RpcRefusal {
  return new RpcRefusal(-32_002, message, result);
}

export function signatureFailure(): RpcRefusal {
  return new RpcRefusal(-32_003, 'Transaction signature verification failure');
}

export function blockNotAvailable(slot: number): RpcRefusal {
  return new RpcRefusal(-32_004, `Block not available for slot ${slot}`);
}

export function nodeUnhealthy(numSlotsBehind: number): RpcRefusal {
  const message = `Node is behind by ${numSlotsBehind} slots`;
  return new RpcRefusal(-32_005, message, { numSlotsBehind });
}

export function slotSkipped(slot: number): RpcRefusal {
  const message = `Slot ${slot} was skipped, or missing due to ledger jump to recent snapshot`;
  return new RpcRefusal(-32_007, message);
}

export function longTermSlotSkipped(slot: number): RpcRefusal {
  const message = `Slot ${slot} was skipped, or missing in long-term storage`;
  return new RpcRefusal(-32_009, message);
}

export function historyNotAvailable(): RpcRefusal {
  return new RpcRefusal(-32_011, 'Transaction history is not available from this node');
}

export function blockStatusNotAvailable(slot: number): RpcRefusal {
  return new RpcRefusal(-32_014, `Block status not yet available for slot ${slot}`);
}

export function unsupportedVersion(version: number): RpcRefusal {
  const message = `Transaction version (${version}) is not supported by the requesting client. Please try the request again with the following configuration parameter: "maxSupportedTransactionVersion": ${version}`;
  return new RpcRefusal(-32_015, message);
}

export function minContextSlotNotReached(contextSlot: number): RpcRefusal {
  return new RpcRefusal(-32_016, 'Minimum context slot has not been reached', { contextSlot });
}
