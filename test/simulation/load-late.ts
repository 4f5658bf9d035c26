import { bytesToHex, recoverAddress, serializeSignature } from 'viem';
import { createSimulatedKey } from './evm/keys.ts';

/** A library that is loaded at its first use would take its time in the middle of a step. */
export async function loadWhatLoadsLate(): Promise<void> {
  const { signer } = createSimulatedKey(0);
  const hash = `0x${'01'.repeat(32)}` as const;
  const signed = await signer.sign(new Uint8Array(32).fill(1));
  const parts = { r: signed.subarray(0, 32), s: signed.subarray(32, 64) };
  const signature = serializeSignature({
    r: bytesToHex(parts.r),
    s: bytesToHex(parts.s),
    yParity: signed[64] ?? 0,
  });
  await recoverAddress({ hash, signature });
}
