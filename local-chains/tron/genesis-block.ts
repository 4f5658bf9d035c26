import { keccak_256 } from '@noble/hashes/sha3.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { addressOfBytes, needAddress, type Address } from './address.ts';
import { createBlock, type Block } from './block.ts';
import type { GenesisAccount, GenesisToken, TronGenesis } from './genesis.ts';
import { MAINNET_PARAMETERS } from './parameters.ts';
import { EMPTY_STATE, newAccount, withAccount, withContract, type ChainState } from './state.ts';
import { callData, creationCode, tokenArtifact, tronAbi } from './token-artifact.ts';
import type { VirtualMachine } from './virtual-machine.ts';
import { keptKey, type KeptKey } from './wish.ts';

/** A token of the genesis, and the account that may do everything with it. */
export interface KnownToken {
  readonly symbol: 'USDT' | 'USDC';
  readonly address: Address;
  readonly owner: KeptKey;
}

export interface Genesis {
  readonly block: Block;
  readonly tokens: readonly KnownToken[];
  /** Holds the TRX that `giveSun` gives. */
  readonly giver: KeptKey;
}

/** So much that it does not run out, and little enough for a number of JSON. */
const GIVER_SUN = 4_000_000_000_000_000n;
const PLENTY = 1_000_000_000_000;
/** What Tether's owner holds from the start, in units: USDT is issued to the owner, who then sends it. */
const ISSUED_UNITS = 10n ** 30n;
const CREATION_ENERGY = 1_000_000_000;

export async function createGenesis(
  machine: VirtualMachine,
  given: TronGenesis,
  timestampMs: number,
): Promise<Genesis> {
  const giver = keptKey('giver of TRX');
  let state: ChainState = {
    ...EMPTY_STATE,
    parameters: { ...MAINNET_PARAMETERS, ...given.parameters },
  };
  state = addAccount(state, { ...kept(giver), sun: GIVER_SUN }, timestampMs);
  for (const account of given.accounts ?? []) state = addAccount(state, account, timestampMs);
  const tokens: KnownToken[] = [];
  for (const token of given.tokens ?? []) {
    const owner = keptKey(`owner of ${token.symbol}`);
    const address = addressOfBytes(
      keccak_256(utf8ToBytes(`local Tron chain: ${token.symbol}`)).subarray(12),
    );
    if (tokens.some((known) => known.symbol === token.symbol)) {
      throw new Error(`${token.symbol} is given twice`);
    }
    state = addAccount(state, { ...kept(owner), sun: 0n }, timestampMs);
    state = await deploy(machine, state, { token, owner, address, timestampMs });
    tokens.push({ symbol: token.symbol, address, owner });
  }
  const block = createBlock({
    parent: null,
    timestampMs,
    branch: 0,
    entries: [],
    wishes: [],
    state,
  });
  return { block, tokens, giver };
}

function kept(key: KeptKey): GenesisAccount {
  return { address: key.address, sun: 0n, energyLimit: PLENTY, bandwidthLimit: PLENTY };
}

function addAccount(state: ChainState, given: GenesisAccount, timestampMs: number): ChainState {
  return withAccount(state, needAddress(given.address), {
    ...newAccount(timestampMs),
    sun: given.sun,
    energyLimit: given.energyLimit ?? 0,
    bandwidthLimit: given.bandwidthLimit ?? 0,
  });
}

async function deploy(
  machine: VirtualMachine,
  state: ChainState,
  about: { token: GenesisToken; owner: KeptKey; address: Address; timestampMs: number },
): Promise<ChainState> {
  const { token, owner, address, timestampMs } = about;
  const artifact = tokenArtifact(token.symbol);
  const order = {
    caller: owner.address,
    contract: address,
    callValue: 0n,
    energyLimit: CREATION_ENERGY,
    energyFactor: 0,
    block: { number: 0, timestampMs },
  };
  const created = await machine.construct(withAccount(state, address, newAccount(timestampMs)), {
    ...order,
    data: creationCode(artifact, token.decimals ?? 6),
  });
  if (created.result !== 'SUCCESS') throw new Error(`${token.symbol} cannot be deployed`);
  const deployed = withContract(created.state, address, {
    name: `Local${token.symbol}`,
    owner: owner.address,
    code: created.returned,
    abi: tronAbi(artifact.abi),
    energyFactor: 0,
  });
  if (token.symbol === 'USDC') return deployed;
  const data = callData(artifact, 'issue(uint256)', [ISSUED_UNITS]);
  const issued = await machine.call(deployed, { ...order, data });
  if (issued.result !== 'SUCCESS') throw new Error('USDT cannot be issued');
  return issued.state;
}
