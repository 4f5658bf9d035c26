import { associatedTokenAddress, TOKEN_PROGRAM } from '../../../local-chains/solana/address.ts';
import type { SolanaChain } from '../../../local-chains/solana/chain-interface.ts';

type TokenName = 'USDT' | 'USDC';
const TOKENS: readonly TokenName[] = ['USDT', 'USDC'];

/** The tokens' authority, who does nothing that the token program would refuse. */
export interface Issuer {
  readonly treasury: string;
  /** The treasury's token accounts come with the first block, without a transaction of its own. */
  readonly openTreasury: () => void;
  readonly isTreasuryOpen: () => boolean;
  /** Units of both tokens, as soon as the treasury has accounts that take them. */
  readonly fund: (units: bigint) => void;
  /** The owner's account is frozen as soon as there is one, which is opened where there is none. */
  readonly freeze: (token: TokenName, owner: string) => void;
  readonly thaw: (token: TokenName, owner: string) => void;
  /** Before each block: what had to wait. */
  readonly attend: () => void;
  readonly calm: () => void;
}

export function createIssuer(chain: SolanaChain, treasury: string): Issuer {
  const { control } = chain;
  const accountOf = (token: TokenName, owner: string): string => {
    const mint = chain.tokens[token].address;
    return associatedTokenAddress({ owner, mint, program: TOKEN_PROGRAM });
  };
  const isOpen = (account: string): boolean => chain.account(account) !== null;
  const frozen = new Set<string>();
  const toFreeze = new Set<string>();
  let waiting: { readonly token: TokenName; readonly units: bigint }[] = [];
  const payOut = (): void => {
    const canMove = ({ token }: { token: TokenName }): boolean => {
      const account = accountOf(token, treasury);
      return isOpen(account) && !frozen.has(account) && !toFreeze.has(account);
    };
    for (const gift of waiting.filter(canMove)) {
      control.mintTo(chain.tokens[gift.token].address, treasury, gift.units);
    }
    waiting = waiting.filter((gift) => !canMove(gift));
  };
  const thaw = (token: TokenName, owner: string): void => {
    const account = accountOf(token, owner);
    toFreeze.delete(account);
    if (frozen.delete(account)) control.thaw(account);
  };
  return {
    treasury,
    openTreasury: () => {
      for (const token of TOKENS) {
        control.openTokenAccount(chain.tokens[token].address, treasury);
      }
    },
    isTreasuryOpen: () => TOKENS.every((token) => isOpen(accountOf(token, treasury))),
    fund: (units) => {
      for (const token of TOKENS) waiting.push({ token, units });
      payOut();
    },
    freeze: (token, owner) => {
      const account = accountOf(token, owner);
      if (frozen.has(account) || toFreeze.has(account)) return;
      if (!isOpen(account)) control.openTokenAccount(chain.tokens[token].address, owner);
      toFreeze.add(account);
    },
    thaw,
    attend: () => {
      payOut();
      for (const account of [...toFreeze].filter(isOpen)) {
        toFreeze.delete(account);
        frozen.add(account);
        control.freeze(account);
      }
    },
    calm: () => {
      for (const token of TOKENS) thaw(token, treasury);
    },
  };
}
