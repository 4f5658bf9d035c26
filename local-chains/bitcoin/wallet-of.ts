import { BitcoinRpcError } from './bitcoin-chain.ts';
import type { Question } from './question.ts';
import type { Wallet } from './wallet.ts';

/** The wallet that a call is for: the path's, or the only one that is loaded. */
export function walletOf({ core, wallet: name }: Question): Wallet {
  if (name === undefined && core.loaded.size > 1) {
    const message =
      'Multiple wallets are loaded. Please select which wallet to use by requesting the RPC through the /wallet/<walletname> URI path.';
    throw new BitcoinRpcError(-19, message);
  }
  const [only] = core.loaded;
  if (name === undefined && only === undefined) {
    const message =
      'No wallet is loaded. Load a wallet using loadwallet or create a new one with createwallet. (Note: A default wallet is no longer automatically created)';
    throw new BitcoinRpcError(-18, message);
  }
  const wallet = core.wallets.get(name ?? only ?? '');
  if (wallet === undefined || !core.loaded.has(wallet.name)) {
    throw new BitcoinRpcError(-18, 'Requested wallet does not exist or is not loaded');
  }
  return wallet;
}
