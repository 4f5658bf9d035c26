import { base58Of, needAddress, type Address } from './address.ts';
import { addBlock, dropBlocks, headOf, nextBlockTime, type ChainCore } from './chain-core.ts';
import type { ChainControls } from './controls.ts';
import type { Genesis, KnownToken } from './genesis-block.ts';
import type { Serial } from './serial.ts';
import { accountOf, contractOf, newAccount, withAccount, withContract } from './state.ts';
import { callData, tokenArtifact } from './token-artifact.ts';
import type { Wish } from './wish.ts';

interface Known {
  readonly core: ChainCore;
  readonly genesis: Genesis;
  readonly serial: Serial;
}

/** A token's function and its arguments. */
interface TokenCall {
  readonly signature: string;
  readonly values: readonly (string | bigint | boolean)[];
}

export function createControls(known: Known): ChainControls {
  const { core, genesis, serial } = known;
  const settle = (change: Extract<Wish, { kind: 'setting' }>['change']): void => {
    core.wishes.push({ kind: 'setting', change });
  };
  return {
    reorganise: async (order) => {
      await serial(async () => await reorganise(core, order));
    },
    dropFromPool: (txid) => {
      core.pending = undefined;
      return core.pool.delete(txid);
    },
    holdBack: (txid, held) => {
      if (held) core.heldBack.add(txid);
      else core.heldBack.delete(txid);
    },
    holdBackAll: (held) => {
      core.holdsAll = held;
    },
    giveSun: (address, sun) => {
      const to = needAddress(address);
      const call = {
        kind: 'TransferContract',
        owner: genesis.giver.address,
        to,
        amount: sun,
      } as const;
      core.wishes.push({ kind: 'transaction', owner: genesis.giver, call, number: nextNumber() });
    },
    setParameter: (name, value) => {
      settle((state) => ({ ...state, parameters: changed(state.parameters, name, value) }));
    },
    setResources: (address, limits) => {
      const key = needAddress(address);
      settle((state) => {
        const account = accountOf(state, key) ?? newAccount(headOf(core).timestampMs);
        return withAccount(state, key, { ...account, ...limits });
      });
    },
    setEnergyFactor: (contract, factor) => {
      const key = needAddress(contract);
      settle((state) => {
        const known = contractOf(state, key);
        if (known === undefined) throw new Error(`${contract} is not a contract`);
        return withContract(state, key, { ...known, energyFactor: factor });
      });
    },
    forceResult: (txid, result) => {
      core.forced.set(txid, result);
    },
    forceNextResults: (contract, result, count) => {
      core.forcedNext.set(
        needAddress(contract),
        Array.from({ length: count }, () => result),
      );
    },
    ...tokenControls(known, nextNumber),
  };

  function nextNumber(): number {
    core.wishesMade += 1;
    return core.wishesMade;
  }
}

function tokenControls({ core, genesis }: Known, nextNumber: () => number) {
  const call = (token: KnownToken, { signature, values }: TokenCall): void => {
    const data = callData(tokenArtifact(token.symbol), signature, values);
    const trigger = {
      kind: 'TriggerSmartContract',
      owner: token.owner.address,
      contract: token.address,
      callValue: 0n,
      data,
      tokenValue: 0n,
      tokenId: 0n,
    } as const;
    core.wishes.push({
      kind: 'transaction',
      owner: token.owner,
      call: trigger,
      number: nextNumber(),
    });
  };
  const isTether = (token: KnownToken): boolean => token.symbol === 'USDT';
  return {
    mint: (address: string, to: string, units: bigint): void => {
      const token = tokenAt(genesis, address);
      const signature = isTether(token) ? 'transfer(address,uint256)' : 'mint(address,uint256)';
      call(token, { signature, values: [needAddress(to), units] });
    },
    setBlacklisted: (address: string, account: string, blacklisted: boolean): void => {
      const token = tokenAt(genesis, address);
      const names = isTether(token)
        ? ['addBlackList', 'removeBlackList']
        : ['blacklist', 'unBlacklist'];
      const signature = `${blacklisted ? names[0] : names[1]}(address)`;
      call(token, { signature, values: [needAddress(account)] });
    },
    setPaused: (address: string, paused: boolean): void => {
      const token = tokenAt(genesis, address);
      call(token, { signature: paused ? 'pause()' : 'unpause()', values: [] });
    },
    setReturnsFalse: (address: string, returnsFalse: boolean): void => {
      const token = tokenAt(genesis, address);
      if (isTether(token))
        call(token, { signature: 'setAnswersTrue(bool)', values: [!returnsFalse] });
      else call(token, { signature: 'setAnswersFalse(bool)', values: [returnsFalse] });
    },
  };
}

/** Throws for what is not a token of the genesis. */
export function tokenAt(genesis: Genesis, text: string): KnownToken {
  const address: Address = needAddress(text);
  const token = genesis.tokens.find((known) => known.address === address);
  if (token === undefined) throw new Error(`${base58Of(address)} is not a token of the genesis`);
  return token;
}

async function reorganise(
  core: ChainCore,
  order: Parameters<ChainControls['reorganise']>[0],
): Promise<void> {
  dropBlocks(core, order.blocks, order.transactions === 'return');
  if (order.replace !== true) return;
  for (let made = 0; made <= order.blocks; made += 1) {
    // The witnesses of the other branch had the same slots, and one more.
    const time = headOf(core).timestampMs + core.blockTimeMs;
    await addBlock(core, made === order.blocks ? Math.max(time, nextBlockTime(core)) : time);
  }
}

function changed(
  parameters: Readonly<Record<string, number>>,
  name: string,
  value: number | null,
): Readonly<Record<string, number>> {
  const others = Object.entries(parameters).filter(([known]) => known !== name);
  return Object.fromEntries(value === null ? others : [...others, [name, value]]);
}
