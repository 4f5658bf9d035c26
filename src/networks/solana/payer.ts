import { ed25519 } from '@noble/curves/ed25519.js';
import { base58 } from '@scure/base';
import { assert } from '../../base/assert.ts';
import type { Signer } from '../signer.ts';
import { FEE_POLICY, type FeePolicy } from './fees.ts';
import { encodeTransaction } from './message.ts';
import { connectNodes, type SolanaConnection, type SolanaPool } from './nodes.ts';
import type { SolanaNetworkId } from './solana-network.ts';
import { createSuspects, type Suspects } from './suspects.ts';

/** Who pays on Solana, and by which rules. */
export interface PayerOptions extends SolanaConnection {
  readonly network: SolanaNetworkId;
  /** Of the treasury, on ed25519: owns the tokens, pays the fees and the rents. */
  readonly signer: Signer;
  /** Default: {@link FEE_POLICY}. */
  readonly feePolicy?: FeePolicy;
}

/** What inspecting, signing and upkeep share. */
export interface Payer {
  readonly network: SolanaNetworkId;
  readonly pool: SolanaPool;
  readonly policy: FeePolicy;
  readonly treasury: string;
  readonly signer: Signer;
  readonly suspects: Suspects;
}

export function createPayer(options: PayerOptions): Payer {
  const { network, signer, feePolicy = FEE_POLICY } = options;
  assert(signer.curve === 'ed25519', 'Solana is signed for on ed25519');
  assert(signer.publicKey.length === 32, 'a key on ed25519 has 32 bytes');
  const treasury = base58.encode(signer.publicKey);
  const pool = connectNodes(options);
  return { network, pool, policy: feePolicy, treasury, signer, suspects: createSuspects() };
}

/** Signs a message of the treasury's. Bytes with a signature that is not its own never leave. */
export async function signMessage(
  { signer }: Payer,
  message: Uint8Array,
): Promise<{ readonly signature: string; readonly rawTransaction: Uint8Array }> {
  const signature = await signer.sign(message);
  assert(isSignedBy(signer.publicKey, message, signature), 'the signature is not of the treasury');
  return {
    signature: base58.encode(signature),
    rawTransaction: encodeTransaction(signature, message),
  };
}

function isSignedBy(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  return (
    signature.length === 64 && ed25519.verify(signature, message, publicKey, { zip215: false })
  );
}
