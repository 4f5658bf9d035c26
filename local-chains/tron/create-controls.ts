import { base58Of, needAddress, type Address } from './address.ts';
import { addBlock, dropBlocks, headOf, nextBlockTime, type ChainCore } from './chain-core.ts';
import type { ChainControls } from './controls.ts';
import type { Genesis, KnownToken } from './genesis-block.ts';
import type { Serial } from './serial.ts';
import {
  accountOf,
  contractOf,
  newAccount,
  withAccount,
  withContract,
  type ChainState,
} from './state.ts';
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
  return {
    reorganise: async (order) => {
      await serial(async () => await reorganise(core, order));
    },
    giveSun: (address, sun) => {
      const to = needAddress(address);
      if (sun <= 0n) throw new Error('0 sun cannot be given');
      if (contractOf(headOf(core).state, to) !== undefined) {
        throw new Error(`${address} is a contract: it takes no TRX`);
      }
      const owner = genesis.giver;
      const call = { kind: 'TransferContract', owner: owner.address, to, amount: sun } as const;
      core.wishes.push({ kind: 'transaction', owner, call, number: nextNumber(core) });
    },
    ...poolControls(core),
    ...settingControls(core),
    ...tokenControls(known),
  };
}

/** Makes two equal wishes two transactions. */
function nextNumber(core: ChainCore): number {
  core.wishesMade += 1;
  return core.wishesMade;
}

function poolControls(
  core: ChainCore,
): Pick<
  ChainControls,
  'dropFromPool' | 'holdBack' | 'holdBackAll' | 'forceResult' | 'forceNextResults'
> {
  return {
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
    forceResult: (txid, result) => {
      core.forced.set(txid, result);
    },
    forceNextResults: (contract, result, count) => {
      const results = Array.from({ length: count }, () => result);
      core.forcedNext.set(needAddress(contract), results);
    },
  };
}

function settingControls(
  core: ChainCore,
): Pick<ChainControls, 'setParameter' | 'setResources' | 'setEnergyFactor'> {
  const settle = (change: Extract<Wish, { kind: 'setting' }>['change']): void => {
    core.wishes.push({ kind: 'setting', change });
  };
  return {
    setParameter: (name, value) => {
      settle((state) => withParameter(state, name, value));
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
      if (contractOf(headOf(core).state, key) === undefined) {
        throw new Error(`${contract} is not a contract`);
      }
      settle((state) => {
        const known = contractOf(state, key);
        return known === undefined
          ? state
          : withContract(state, key, { ...known, energyFactor: factor });
      });
    },
  };
}

function tokenControls({
  core,
  genesis,
}: Known): Pick<
  ChainControls,
  'mint' | 'setBlacklisted' | 'setPaused' | 'setReturnsFalse' | 'setFee'
> {
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
      number: nextNumber(core),
    });
  };
  const isTether = (token: KnownToken): boolean => token.symbol === 'USDT';
  return {
    mint: (address, to, units) => {
      const token = tokenAt(genesis, address);
      const signature = isTether(token) ? 'transfer(address,uint256)' : 'mint(address,uint256)';
      call(token, { signature, values: [needAddress(to), units] });
    },
    setBlacklisted: (address, account, blacklisted) => {
      const token = tokenAt(genesis, address);
      const names = isTether(token)
        ? ['addBlackList', 'removeBlackList']
        : ['blacklist', 'unBlacklist'];
      const signature = `${blacklisted ? names[0] : names[1]}(address)`;
      call(token, { signature, values: [needAddress(account)] });
    },
    setPaused: (address, paused) => {
      const token = tokenAt(genesis, address);
      call(token, { signature: paused ? 'pause()' : 'unpause()', values: [] });
    },
    setFee: (address, { basisPoints, maximumWholeTokens }) => {
      const token = tokenAt(genesis, address);
      if (!isTether(token)) throw new Error(`${token.symbol} has no fee`);
      if (basisPoints >= 20 || maximumWholeTokens >= 50) throw new Error('the fee is too high');
      const values = [BigInt(basisPoints), BigInt(maximumWholeTokens)];
      call(token, { signature: 'setParams(uint256,uint256)', values });
    },
    setReturnsFalse: (address, returnsFalse) => {
      const token = tokenAt(genesis, address);
      const [signature, value] = isTether(token)
        ? ['setAnswersTrue(bool)', !returnsFalse]
        : ['setAnswersFalse(bool)', returnsFalse];
      call(token, { signature, values: [value] });
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
  if (order.pastSolidified === true) {
    core.solidNumber = Math.min(core.solidNumber, headOf(core).number - order.blocks);
  }
  dropBlocks(core, order.blocks, order.transactions === 'return');
  if (order.replace !== true) return;
  for (let made = 0; made <= order.blocks; made += 1) {
    // The witnesses of the other branch had the same slots, and one more.
    const time = headOf(core).timestampMs + core.blockTimeMs;
    await addBlock(core, made === order.blocks ? Math.max(time, nextBlockTime(core)) : time);
  }
}

function withParameter(state: ChainState, name: string, value: number | null): ChainState {
  const unshown = state.unshown.filter((known) => known !== name);
  if (value === null) return { ...state, unshown: [...unshown, name] };
  return { ...state, unshown, parameters: { ...state.parameters, [name]: value } };
}
