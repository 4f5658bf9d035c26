/** An output of the treasury's that can be spent. All have one script, so all weigh the same as inputs. */
export interface Coin {
  /** "txid:vout". */
  readonly outpoint: string;
  /** Satoshis. */
  readonly units: bigint;
}

/** An outpoint in its parts. */
export interface Outpoint {
  /** 64 hexadecimal digits, as nodes and explorers show it. */
  readonly txid: string;
  readonly vout: number;
}

/** Throws a RangeError where the text is not "txid:vout". */
export function parseOutpoint(text: string): Outpoint {
  const match = /^([0-9a-f]{64}):(0|[1-9]\d{0,9})$/.exec(text);
  const [, txid, vout] = match ?? [];
  if (txid === undefined || vout === undefined || Number(vout) > 0xffffffff) {
    throw new RangeError('not an outpoint');
  }
  return { txid, vout: Number(vout) };
}

export function formatOutpoint({ txid, vout }: Outpoint): string {
  return `${txid}:${vout}`;
}

export function sumOfCoins(coins: readonly Coin[]): bigint {
  return coins.reduce((sum, { units }) => sum + units, 0n);
}
