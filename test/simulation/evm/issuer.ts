import type {
  SimulatedChain,
  SimulatedTokenName,
} from '../../harness/simulated-chain/simulated-chain.ts';

/** The tokens' owner, who does nothing that a token would refuse. */
export interface Issuer {
  readonly setPaused: (token: SimulatedTokenName, paused: boolean) => void;
  readonly setListed: (token: SimulatedTokenName, address: string, listed: boolean) => void;
  /** Units of both tokens; where one is paused, as soon as it moves again. */
  readonly fund: (address: `0x${string}`, units: bigint) => void;
}

export function createIssuer(chain: SimulatedChain): Issuer {
  const paused: Record<SimulatedTokenName, boolean> = { USDT: false, USDC: false };
  let waiting: {
    readonly token: SimulatedTokenName;
    readonly address: `0x${string}`;
    readonly units: bigint;
  }[] = [];
  const payOut = (): void => {
    for (const { token, address, units } of waiting.filter((it) => !paused[it.token])) {
      chain.fund(address, token === 'USDT' ? { USDT: units } : { USDC: units });
    }
    waiting = waiting.filter((it) => paused[it.token]);
  };
  return {
    setPaused: (token, isPaused) => {
      if (paused[token] === isPaused) return;
      paused[token] = isPaused;
      chain.setPaused(token, isPaused);
      payOut();
    },
    setListed: (token, address, listed) => {
      chain.setBlacklisted(token, address as `0x${string}`, listed);
    },
    fund: (address, units) => {
      waiting.push({ token: 'USDT', address, units }, { token: 'USDC', address, units });
      payOut();
    },
  };
}
