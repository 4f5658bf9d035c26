import {
  concat,
  createWalletClient,
  decodeEventLog,
  encodeDeployData,
  encodeFunctionData,
  hashTypedData,
  http,
  parseAbi,
  toFunctionSelector,
  toHex,
  type Abi,
  type Hex,
  type TypedDataDomain,
} from 'viem';
import { privateKeyToAccount, type PrivateKeyAccount } from 'viem/accounts';
import { present } from '../../src/base/assert.ts';
import type { Json } from '../../src/base/json.ts';
import { RpcErrorAnswer } from '../../src/networks/nodes/json-rpc.ts';
import { readArtifact } from '../../src/sandbox/deploy-tokens.ts';
import type { TestChain } from './chain.ts';

export const treasuryAbi = parseAbi([
  'function execute(uint256 batchId, uint256 deadline, address token, uint256 gasPerItem, bytes32[] items, bytes32 r, bytes32 yParityAndS)',
  'function cancel(uint256 batchId, bytes32 r, bytes32 yParityAndS)',
  'function isSpent(uint256 batchId) view returns (bool)',
  'function signer() view returns (address)',
  'event BatchExecuted(uint256 indexed batchId, bytes32 digest, uint256 failed)',
  'event ItemFailed(uint256 indexed batchId, uint256 index, bool reverted, bytes reason)',
  'event BatchCancelled(uint256 indexed batchId)',
  'error AlreadySpent()',
  'error Expired()',
  'error InvalidSignature()',
  'error NoItems()',
  'error NotAToken()',
  'error NotEnoughGas()',
  'error Reentered()',
  'error CoinsRefused()',
]);

export interface BatchItem {
  readonly to: Hex;
  /** Below 2^96. */
  readonly units: bigint;
}

export interface Batch {
  readonly batchId: bigint;
  /** Seconds since 1970. */
  readonly deadline: bigint;
  readonly token: Hex;
  readonly gasPerItem: bigint;
  readonly items: readonly BatchItem[];
}

/** EIP-2098: r, then s with the parity of R in its highest bit. */
export interface CompactSignature {
  readonly r: Hex;
  readonly yParityAndS: Hex;
}

/** Where a signature counts. */
export interface Place {
  readonly chainId: number;
  readonly treasury: Hex;
}

export const batchTypes = {
  Batch: [
    { name: 'batchId', type: 'uint256' },
    { name: 'deadline', type: 'uint256' },
    { name: 'token', type: 'address' },
    { name: 'gasPerItem', type: 'uint256' },
    { name: 'items', type: 'bytes32[]' },
  ],
} as const;
export const cancellationTypes = { Cancellation: [{ name: 'batchId', type: 'uint256' }] } as const;

/** A contract's word for one item: the recipient's 20 bytes, then 12 bytes of amount. */
export function packItem({ to, units }: BatchItem): Hex {
  return concat([to, toHex(units, { size: 12 })]);
}

export function domainOf({ chainId, treasury }: Place): TypedDataDomain {
  return { name: 'Knit Treasury', version: '1', chainId, verifyingContract: treasury };
}

function typedBatch(batch: Batch, place: Place) {
  return {
    domain: domainOf(place),
    types: batchTypes,
    primaryType: 'Batch',
    message: { ...batch, items: batch.items.map(packItem) },
  } as const;
}

export function digestOf(batch: Batch, place: Place): Hex {
  return hashTypedData(typedBatch(batch, place));
}

export async function signBatch(
  key: PrivateKeyAccount,
  batch: Batch,
  place: Place,
): Promise<CompactSignature> {
  return compact(await key.signTypedData(typedBatch(batch, place)));
}

export async function signCancellation(
  key: PrivateKeyAccount,
  batchId: bigint,
  place: Place,
): Promise<CompactSignature> {
  const signature = await key.signTypedData({
    domain: domainOf(place),
    types: cancellationTypes,
    primaryType: 'Cancellation',
    message: { batchId },
  });
  return compact(signature);
}

/** Of a signature's 65 bytes r, s and v (27 or 28). */
function compact(signature: Hex): CompactSignature {
  const parity = signature.endsWith('1c') ? 1n << 255n : 0n;
  const s = BigInt(`0x${signature.slice(66, 130)}`);
  return { r: signature.slice(0, 66) as Hex, yParityAndS: toHex(s | parity, { size: 32 }) };
}

export function executeData(batch: Batch, { r, yParityAndS }: CompactSignature): Hex {
  const { batchId, deadline, token, gasPerItem, items } = batch;
  return encodeFunctionData({
    abi: treasuryAbi,
    functionName: 'execute',
    args: [batchId, deadline, token, gasPerItem, items.map(packItem), r, yParityAndS],
  });
}

export function cancelData(batchId: bigint, { r, yParityAndS }: CompactSignature): Hex {
  return encodeFunctionData({
    abi: treasuryAbi,
    functionName: 'cancel',
    args: [batchId, r, yParityAndS],
  });
}

export interface RawLog {
  readonly address: Hex;
  readonly topics: readonly Hex[];
  readonly data: Hex;
}

export interface ContractReceipt {
  readonly succeeded: boolean;
  readonly gasUsed: bigint;
  readonly contractAddress: Hex | null;
  readonly logs: readonly RawLog[];
}

export interface Transaction {
  /** Left out to create a contract. */
  readonly to?: Hex;
  readonly data?: Hex;
  readonly value?: bigint;
  readonly gas?: bigint;
  /** EIP-7702: the treasury's key lends its account this contract's code. */
  readonly delegate?: { readonly key: PrivateKeyAccount; readonly to: Hex };
}

/** Signs and sends; the caller mines. Gives the hash. */
export async function post(
  chain: TestChain,
  account: PrivateKeyAccount,
  transaction: Transaction,
): Promise<Hex> {
  const wallet = createWalletClient({ account, transport: http(chain.rpcUrl) });
  const nonce = await countOf(chain, account.address);
  const { delegate, gas = 16_777_216n, ...rest } = transaction;
  const fees = { maxFeePerGas: 10_000_000_000n, maxPriorityFeePerGas: 1_000_000_000n };
  const common = { chain: null, nonce, gas, ...fees, ...rest };
  if (delegate === undefined) return await wallet.sendTransaction({ ...common, type: 'eip1559' });
  const authorization = await delegate.key.signAuthorization({
    address: delegate.to,
    chainId: chain.chainId,
    // A sender's own nonce is counted up before its authorization is looked at.
    nonce:
      (await countOf(chain, delegate.key.address)) +
      (delegate.key.address === account.address ? 1 : 0),
  });
  return await wallet.sendTransaction({
    ...common,
    type: 'eip7702',
    authorizationList: [authorization],
  });
}

async function countOf(chain: TestChain, address: Hex): Promise<number> {
  return Number(await chain.rpc('eth_getTransactionCount', address, 'pending'));
}

/** Signs, sends, mines, and gives the receipt. */
export async function send(
  chain: TestChain,
  account: PrivateKeyAccount,
  transaction: Transaction,
): Promise<ContractReceipt> {
  const hash = await post(chain, account, transaction);
  await chain.mine();
  return await receiptOf(chain, hash);
}

export async function receiptOf(chain: TestChain, hash: Hex): Promise<ContractReceipt> {
  const receipt = present(
    (await chain.rpc('eth_getTransactionReceipt', hash)) as {
      status: string;
      gasUsed: string;
      contractAddress: Hex | null;
      logs: RawLog[];
    } | null,
    'the block holds the transaction',
  );
  const { status, gasUsed, contractAddress, logs } = receipt;
  return { succeeded: status === '0x1', gasUsed: BigInt(gasUsed), contractAddress, logs };
}

/** Deploys a contract of contracts/ and gives its address, lower-case. */
export async function deployContract(
  chain: TestChain,
  account: PrivateKeyAccount,
  contract: { readonly name: string; readonly args?: readonly unknown[] },
): Promise<Hex> {
  const artifact = (await readArtifact(contract.name)) as unknown as { abi: Abi; bytecode: Hex };
  const { args = [] } = contract;
  const data = encodeDeployData({
    abi: artifact.abi,
    bytecode: artifact.bytecode,
    args: [...args],
  });
  const { contractAddress } = await send(chain, account, { data });
  return present(contractAddress, 'a deployment has an address');
}

/**
 * Null where a call would succeed; else the name of the treasury's error, or what the node says where
 * the error is none of the treasury's.
 */
export async function refusalOf(
  chain: TestChain,
  call: { from: Hex; to: Hex; data: Hex; gas?: Hex; value?: Hex },
): Promise<string | null> {
  const order: Json = { ...call };
  try {
    await chain.rpc('eth_call', order, 'latest');
    return null;
  } catch (error) {
    if (!(error instanceof RpcErrorAnswer)) throw error;
    return errorName(error.data) ?? error.nodeMessage;
  }
}

/** The name of the treasury's error in a call's return data. */
export function errorName(data: unknown): string | null {
  const known = treasuryAbi.flatMap((entry) => (entry.type === 'error' ? [entry] : []));
  return known.find((entry) => toFunctionSelector(`${entry.name}()`) === data)?.name ?? null;
}

/** What a batch's receipt tells of its items. */
export interface BatchReport {
  readonly batchId: bigint;
  readonly digest: Hex;
  readonly failed: bigint;
  readonly failures: readonly { index: bigint; reverted: boolean; reason: Hex }[];
}

/** Reads the treasury's own events; null where no batch ran. */
export function readReport(receipt: ContractReceipt, treasury: Hex): BatchReport | null {
  let executed: { batchId: bigint; digest: Hex; failed: bigint } | null = null;
  const failures: { index: bigint; reverted: boolean; reason: Hex }[] = [];
  for (const log of receipt.logs) {
    if (log.address.toLowerCase() !== treasury.toLowerCase()) continue;
    const topics = log.topics as [Hex, ...Hex[]];
    const event = decodeEventLog({ abi: treasuryAbi, data: log.data, topics });
    if (event.eventName === 'BatchExecuted') executed = event.args;
    if (event.eventName !== 'ItemFailed') continue;
    const { index, reverted, reason } = event.args;
    failures.push({ index, reverted, reason });
  }
  return executed === null ? null : { ...executed, failures };
}

/** A key of tests only: its number, repeated. */
export function testKey(byte: number): PrivateKeyAccount {
  return privateKeyToAccount(
    toHex(BigInt(`0x${byte.toString(16).padStart(2, '0').repeat(32)}`), { size: 32 }),
  );
}
