import { decodeAbiParameters, encodeFunctionData, parseAbi, toEventSelector, type Hex } from 'viem';
import type { BatchPayer } from './batch-payer.ts';
import { deployContract, send, type ContractReceipt } from './treasury-contract.ts';

/** The manners of TestHostileToken, in its order. */
export const MANNERS = [
  'Pays',
  'PaysAndSaysTrue',
  'SaysFalse',
  'PaysAndSaysFalse',
  'SaysThree',
  'SaysTooLittle',
  'SaysTrueAndMore',
  'Reverts',
  'RevertsAtLength',
  'SaysTrueAtLength',
  'LoopsForEver',
  'BurnsAllGas',
  'Calls',
  'Notifies',
  'KeepsAFee',
] as const;
export type Manner = (typeof MANNERS)[number];

const abi = parseAbi([
  'function mint(address to, uint256 amount)',
  'function setManner(address to, uint8 manner)',
  'function setCall(address target, bytes payload)',
  'function callEach(address to, bytes[] payloads)',
  'function lastCallSucceeded() view returns (bool)',
  'function lastAnswer() view returns (bytes)',
]);

const SEEN_TOPIC = toEventSelector('Seen(address,uint256)');

/** A contract that keeps a call and what came of it: TestHostileToken or TestCaller. */
export interface KeptCall {
  readonly address: Hex;
  /** What it is to call when it is paid, or made to pay. */
  setCall(target: Hex, payload: Hex): Promise<void>;
  lastCall(): Promise<{ succeeded: boolean; answer: Hex }>;
}

export interface HostileToken extends KeptCall {
  setManner(to: Hex, manner: Manner): Promise<void>;
  balanceOf(holder: Hex): Promise<bigint>;
}

/** Who holds a hostile token, and who tells it what to do. */
export type TokenWorld = Pick<BatchPayer, 'chain' | 'submitter' | 'treasury'>;

/** A token of which the treasury holds a million units, in the manner Pays to everyone. */
export async function deployHostileToken(payer: TokenWorld): Promise<HostileToken> {
  const { chain, submitter } = payer;
  const address = await deployContract(chain, submitter, { name: 'TestHostileToken' });
  const tell = async (data: Hex): Promise<void> => {
    await send(chain, submitter, { to: address, data });
  };
  const mint = { abi, functionName: 'mint', args: [payer.treasury, 1_000_000n] } as const;
  await tell(encodeFunctionData(mint));
  return {
    ...keptCall(payer, address),
    setManner: async (to, manner) => {
      const args = [to, MANNERS.indexOf(manner)] as const;
      await tell(encodeFunctionData({ abi, functionName: 'setManner', args }));
    },
    balanceOf: async (holder) => await chain.balanceOf(address, holder),
  };
}

/** A contract that makes the call that it was given when a token tells it of a payment. */
export async function deployCaller(payer: BatchPayer): Promise<KeptCall> {
  const { chain, submitter } = payer;
  return keptCall(payer, await deployContract(chain, submitter, { name: 'TestCaller' }));
}

function keptCall(payer: TokenWorld, address: Hex): KeptCall {
  const { chain, submitter } = payer;
  const read = async (functionName: 'lastCallSucceeded' | 'lastAnswer'): Promise<Hex> => {
    const data = encodeFunctionData({ abi, functionName });
    return (await chain.rpc('eth_call', { to: address, data }, 'latest')) as Hex;
  };
  return {
    address,
    setCall: async (target, payload) => {
      const data = encodeFunctionData({ abi, functionName: 'setCall', args: [target, payload] });
      await send(chain, submitter, { to: address, data });
    },
    lastCall: async () => {
      const [answer] = decodeAbiParameters([{ type: 'bytes' }], await read('lastAnswer'));
      return { succeeded: BigInt(await read('lastCallSucceeded')) === 1n, answer };
    },
  };
}

/** TestCaller's data for several calls of one contract in one transaction. */
export function callEachData(to: Hex, payloads: readonly Hex[]): Hex {
  return encodeFunctionData({ abi, functionName: 'callEach', args: [to, payloads] });
}

/** The gas that each transfer of a hostile token began with, by its Seen events. */
export function gasSeen(receipt: ContractReceipt, token: HostileToken): bigint[] {
  return receipt.logs
    .filter((log) => log.address === token.address && log.topics[0] === SEEN_TOPIC)
    .map((log) => BigInt(log.data));
}
