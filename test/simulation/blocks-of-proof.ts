/** Every block number (on Solana: slot, on Bitcoin: height) that a stored proof names, at any depth. */
export function blocksOfProof(proof: unknown, key = ''): bigint[] {
  if (typeof proof === 'object' && proof !== null) {
    return Object.entries(proof).flatMap(([name, value]: [string, unknown]) =>
      blocksOfProof(
        value,
        /^(number|slot)$/i.test(name) && /block/i.test(key) ? 'blockNumber' : name,
      ),
    );
  }
  const isNumber = /block_?number/i.test(key) && /^\d+$/.test(String(proof));
  return isNumber ? [BigInt(String(proof))] : [];
}
