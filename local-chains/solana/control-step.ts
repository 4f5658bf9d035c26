import type { SolanaAccount } from './chain-interface.ts';
import type { Instruction, LocalSigner } from './sign-transaction.ts';

/** One thing that the chain's owner does in a block. */
export type ControlStep =
  | {
      readonly kind: 'transaction';
      readonly signer: LocalSigner;
      readonly instructions: readonly Instruction[];
    }
  | { readonly kind: 'write'; readonly address: string; readonly account: SolanaAccount | null };
