import { present } from '../../base/assert.ts';
import type { Asset } from '../../money/asset.ts';

/** Every asset on Solana is a token; its contract is its mint. */
export function mintOf({ contract, token, network }: Asset): string {
  return present(contract, `${token} on ${network} has a mint`);
}
