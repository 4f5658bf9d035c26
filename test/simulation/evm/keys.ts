import { evmAddressOfPublicKey } from '../../../src/networks/evm/address-of-public-key.ts';
import type { Signer } from '../../../src/networks/signer.ts';
import { createSimulatedSigner } from '../simulated-signer.ts';

/** A key that is worth nothing: it signs for a chain in memory. */
export interface SimulatedKey {
  readonly signer: Signer;
  /** Lower case. */
  readonly address: `0x${string}`;
}

export function createSimulatedKey(number: number): SimulatedKey {
  const signer = createSimulatedSigner(number);
  const address = evmAddressOfPublicKey(signer.publicKey).toLowerCase() as `0x${string}`;
  return { address, signer };
}
