/** Every block number that a proof of the EVM driver's names, at any depth. */
export function blocksOfProof(proof: unknown, key = ''): bigint[] {
  if (typeof proof === 'object' && proof !== null) {
    return Object.entries(proof).flatMap(([name, value]: [string, unknown]) =>
      blocksOfProof(value, /^number$/i.test(name) && /block/i.test(key) ? 'blockNumber' : name),
    );
  }
  const isNumber = /block_?number/i.test(key) && /^\d+$/.test(String(proof));
  return isNumber ? [BigInt(String(proof))] : [];
}
