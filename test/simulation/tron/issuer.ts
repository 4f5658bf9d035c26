import type { TronChain } from '../../../local-chains/tron/tron-chain.ts';

type TokenName = 'USDT' | 'USDC';

/** The tokens' owner, who does nothing that a token would refuse. */
export interface Issuer {
  readonly setPaused: (token: TokenName, paused: boolean) => void;
  readonly setListed: (token: TokenName, address: string, listed: boolean) => void;
  /** Units of both tokens; where one is paused, as soon as it moves again. */
  readonly fund: (address: string, units: bigint) => void;
  readonly calm: () => void;
}

export function createIssuer({ truth, controls }: TronChain): Issuer {
  const paused: Record<TokenName, boolean> = { USDT: false, USDC: false };
  let waiting: {
    readonly token: TokenName;
    readonly address: string;
    readonly units: bigint;
  }[] = [];
  const payOut = (): void => {
    for (const { token, address, units } of waiting.filter((it) => !paused[it.token])) {
      controls.mint(truth.tokenAddress(token), address, units);
    }
    waiting = waiting.filter((it) => paused[it.token]);
  };
  const setPaused = (token: TokenName, isPaused: boolean): void => {
    if (paused[token] === isPaused) return;
    paused[token] = isPaused;
    controls.setPaused(truth.tokenAddress(token), isPaused);
    payOut();
  };
  return {
    setPaused,
    setListed: (token, address, listed) => {
      controls.setBlacklisted(truth.tokenAddress(token), address, listed);
    },
    fund: (address, units) => {
      waiting.push({ token: 'USDT', address, units }, { token: 'USDC', address, units });
      payOut();
    },
    calm: () => {
      setPaused('USDT', false);
      setPaused('USDC', false);
    },
  };
}
