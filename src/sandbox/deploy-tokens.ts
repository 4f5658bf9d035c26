import { readFile } from 'node:fs/promises';
import { assert, present } from '../base/assert.ts';
import type { Json } from '../base/json.ts';
import type { RpcEndpoint } from '../networks/nodes/json-rpc.ts';

/** A token that lives on a local chain. */
export interface LocalToken {
  /** EIP-55 is not applied: lower-case hex. */
  readonly address: string;
  readonly decimals: number;
}

export interface LocalTokens {
  readonly USDT: LocalToken;
  readonly USDC: LocalToken;
}

/** What a contract's artifact holds of use here. */
export interface Artifact {
  /** Selectors by signature, without 0x. */
  readonly selectors: Readonly<Record<string, string>>;
  /** The code that creates the contract, 0x-hex. */
  readonly bytecode: string;
}

/**
 * Owns the tokens of every local chain. Nobody has its key; the chain lets it send without one.
 * It sends nothing else, so the tokens have the same addresses on each new chain.
 */
export const TOKEN_OWNER = '0x00000000000000000000000000000000000a11ce';

const DEPLOY_GAS = 5_000_000n;
const CALL_GAS = 2_000_000n;

/** Deploys USDT and USDC on a new local chain and mines the blocks that this takes. */
export async function deployTokens(endpoint: RpcEndpoint, decimals: number): Promise<LocalTokens> {
  const count = await endpoint.request('eth_getTransactionCount', [TOKEN_OWNER, 'latest']);
  assert(count === '0x0', 'tokens are deployed once, on a new chain');
  const [USDT, USDC] = await sendAsOwner(endpoint, [
    await creationOf('TestUSDT', decimals),
    await creationOf('TestUSDC', decimals),
  ]);
  return {
    USDT: { address: present(USDT?.contractAddress, 'a deployment has an address'), decimals },
    USDC: { address: present(USDC?.contractAddress, 'a deployment has an address'), decimals },
  };
}

/** Deploys any contract of `contracts/` whose constructor takes the decimals alone. */
export async function deployToken(
  endpoint: RpcEndpoint,
  name: string,
  decimals: number,
): Promise<LocalToken> {
  const [receipt] = await sendAsOwner(endpoint, [await creationOf(name, decimals)]);
  return {
    address: present(receipt?.contractAddress, 'a deployment has an address'),
    decimals,
  };
}

/** Gives `treasury` `units` more of each token, and sets its balance of the chain's coin to `wei`. */
export async function fundTreasury(
  endpoint: RpcEndpoint,
  tokens: LocalTokens,
  funds: { readonly treasury: string; readonly units: bigint; readonly wei: bigint },
): Promise<void> {
  const { treasury, units, wei } = funds;
  await endpoint.request('anvil_setBalance', [treasury, hex(wei)]);
  if (units === 0n) return;
  const usdt = await readArtifact('TestUSDT');
  const usdc = await readArtifact('TestUSDC');
  await sendAsOwner(endpoint, [
    // Tether issues to its owner only.
    { to: tokens.USDT.address, data: callData(usdt, 'issue(uint256)', units) },
    {
      to: tokens.USDT.address,
      data: callData(usdt, 'transfer(address,uint256)', treasury, units),
    },
    { to: tokens.USDC.address, data: callData(usdc, 'mint(address,uint256)', treasury, units) },
  ]);
}

export interface OwnerTransaction {
  /** Left out to create a contract. */
  readonly to?: string;
  readonly data: string;
}

interface Receipt {
  readonly status: string;
  readonly contractAddress: string | null;
}

/**
 * Sends as the owner of the tokens, in order, mines a block and gives the receipts.
 * Throws where one of them failed.
 */
export async function sendAsOwner(
  endpoint: RpcEndpoint,
  transactions: readonly OwnerTransaction[],
): Promise<Receipt[]> {
  await endpoint.request('anvil_impersonateAccount', [TOKEN_OWNER]);
  await endpoint.request('anvil_setBalance', [TOKEN_OWNER, hex(10n ** 24n)]);
  const hashes: string[] = [];
  for (const transaction of transactions) {
    const gas = hex(transaction.to === undefined ? DEPLOY_GAS : CALL_GAS);
    const order: Json = { ...transaction, from: TOKEN_OWNER, gas };
    hashes.push((await endpoint.request('eth_sendTransaction', [order])) as string);
  }
  await endpoint.request('evm_mine', []);
  return await Promise.all(
    hashes.map(async (hash) => {
      const receipt = (await endpoint.request('eth_getTransactionReceipt', [
        hash,
      ])) as Receipt | null;
      if (receipt?.status !== '0x1') throw new Error(`a token's transaction failed: ${hash}`);
      return receipt;
    }),
  );
}

export async function readArtifact(name: string): Promise<Artifact> {
  const file = new URL(`../../contracts/artifacts/${name}.json`, import.meta.url);
  return JSON.parse(await readFile(file, 'utf8')) as Artifact;
}

/**
 * A call's data: the selector and 32 bytes for each argument. Addresses, whole numbers and truth
 * values only: these are all that the tokens' functions take.
 */
export function callData(
  artifact: Artifact,
  signature: string,
  ...values: readonly (string | bigint)[]
): string {
  const selector = present(artifact.selectors[signature], `the contract has no ${signature}`);
  return `0x${selector}${values.map(word).join('')}`;
}

async function creationOf(name: string, decimals: number): Promise<OwnerTransaction> {
  const { bytecode } = await readArtifact(name);
  return { data: bytecode + word(BigInt(decimals)) };
}

function word(value: string | bigint): string {
  const digits = typeof value === 'bigint' ? value.toString(16) : value.slice(2).toLowerCase();
  assert(/^[0-9a-f]{1,64}$/.test(digits), 'an argument is an address or a whole number');
  return digits.padStart(64, '0');
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}
