import { bytesToHex } from '@noble/hashes/utils.js';
import { assert } from '../../base/assert.ts';
import type { Asset } from '../../money/asset.ts';
import {
  ChainMismatch,
  SigningPostponed,
  type BroadcastAnswer,
  type Inspection,
  type LanePosition,
  type NetworkDriver,
  type SignedAttempt,
  type Signer,
  type TransferOrder,
} from '../network.ts';
import { evmAddressOfPublicKey } from './address-of-public-key.ts';
import { FEE_POLICIES, gasLimitFor, quoteFees, type FeePolicy } from './fees.ts';
import { assertPays, fenceOf } from './followed-transfer.ts';
import { assertOrder, inspectOrder } from './inspect.ts';
import { RpcFailure } from './json-rpc.ts';
import type { EvmNode } from './node.ts';
import { connectNodes, onFirstAnswering } from './nodes.ts';
import type { Hex } from './read-answer.ts';
import { createEvmReader, type EvmReaderOptions } from './reader.ts';
import { reasonOf } from './sight-on-nodes.ts';
import {
  contractOf,
  describeRevert,
  lowerAddress,
  readBalance,
  transferCalldata,
} from './token.ts';
import { digestOf, hashOf, readSignedTransfer, signedBytesOf, type Transfer } from './transfer.ts';
import { verifyAssets } from './verify-assets.ts';

export interface EvmDriverOptions extends EvmReaderOptions {
  /** Of the treasury, on secp256k1. Its address is the sender of every transfer. */
  readonly signer: Signer;
  readonly assets: readonly Asset[];
  /** Default: the network's own, from {@link FEE_POLICIES}. */
  readonly feePolicy?: FeePolicy;
}

interface Treasury {
  readonly options: EvmDriverOptions;
  readonly nodes: readonly EvmNode[];
  readonly policy: FeePolicy;
  /** EIP-55. */
  readonly address: string;
}

/** What the settlement worker needs of Ethereum, Polygon or BSC: one transfer per transaction. */
export function createEvmDriver(options: EvmDriverOptions): NetworkDriver {
  const { network, signer } = options;
  assert(signer.curve === 'secp256k1', 'an EVM network is signed for on secp256k1');
  const nodes = connectNodes(options);
  const address = evmAddressOfPublicKey(signer.publicKey);
  const treasury: Treasury = {
    options,
    nodes,
    policy: options.feePolicy ?? FEE_POLICIES[network],
    address,
  };
  return {
    ...createEvmReader(options),
    treasury: address,
    verifyAssets: async () => {
      await verifyAssets(nodes, options);
    },
    inspect: async (order) => await inspect(treasury, order),
    async treasuryUnits(asset) {
      assert(asset.network === network, `the asset is not of ${network}`);
      const question = { contract: contractOf(asset), owner: lowerAddress(address) };
      return await onFirstAnswering(
        nodes,
        async (node) => await readBalance(node, question, 'latest'),
      );
    },
    async sequenceFloor(sender) {
      const from = lowerAddress(sender);
      return await onFirstAnswering(
        nodes,
        async (node) => await node.transactionCount(from, 'latest'),
      );
    },
    sign: async (orders, lane) => await sign(treasury, orders, lane),
    broadcast: async (rawTransaction) => await broadcast(nodes, rawTransaction),
  };
}

async function inspect(treasury: Treasury, order: TransferOrder): Promise<Inspection> {
  const { nodes, options, policy, address } = treasury;
  assertOrder(order, options.network);
  const subject = { order, policy, treasury: lowerAddress(address) };
  try {
    return await onFirstAnswering(nodes, async (node) => await inspectOrder(node, subject));
  } catch (error) {
    const known =
      error instanceof RpcFailure ||
      error instanceof SigningPostponed ||
      error instanceof ChainMismatch;
    if (!known) throw error;
    return { kind: 'wait', reason: error.message };
  }
}

async function sign(
  treasury: Treasury,
  orders: readonly TransferOrder[],
  lane: LanePosition,
): Promise<SignedAttempt> {
  const [order, ...others] = orders;
  assert(order !== undefined && others.length === 0, 'an EVM attempt pays exactly one order');
  assertOrder(order, treasury.options.network);
  const sender = lowerAddress(treasury.address);
  assert(lowerAddress(lane.sender) === sender, 'the lane is not of the treasury');
  const { chainId, signer } = treasury.options;
  const transfer: Transfer = {
    chainId,
    nonce: lane.sequence,
    token: contractOf(order.asset),
    to: lowerAddress(order.toAddress),
    units: order.units,
    ...(await quote(treasury, order)),
  };
  const rawTransaction = signedBytesOf(transfer, await signer.sign(digestOf(transfer)));
  // Bytes that do not say exactly what was ordered never leave.
  const { transactionHash, ...said } = await readSignedTransfer(rawTransaction);
  assertPays({ ...said, transactionHash }, { order, chainId });
  assert(said.sender === sender, 'the signature is not of the treasury');
  assert(said.nonce === lane.sequence, 'the bytes hold another nonce');
  assertAffordable(said, treasury.policy);
  return {
    fence: fenceOf(said),
    sender: treasury.address,
    sequence: lane.sequence,
    transactionHash,
    rawTransaction,
    payoutIds: [order.payoutId],
  };
}

function assertAffordable(transfer: Transfer, policy: FeePolicy): void {
  assert(transfer.gasLimit <= policy.gasCeiling, 'the gas limit is above the ceiling');
  assert(transfer.maxFeeWei <= policy.maxFeeCeilingWei, 'the fee is above the ceiling');
  assert(transfer.tipWei <= transfer.maxFeeWei, 'the tip is above the fee');
}

/** What the transfer needs now. Throws SigningPostponed where it would revert or cost too much. */
async function quote(
  treasury: Treasury,
  order: TransferOrder,
): Promise<Pick<Transfer, 'gasLimit' | 'maxFeeWei' | 'tipWei'>> {
  const { nodes, policy, address } = treasury;
  const request = {
    from: lowerAddress(address),
    to: contractOf(order.asset),
    data: transferCalldata(lowerAddress(order.toAddress), order.units),
  };
  return await onFirstAnswering(nodes, async (node) => {
    const fees = quoteFees(await node.feeHistory(), policy);
    const gas = await node.estimateGas(request);
    if (typeof gas !== 'bigint') {
      const words = describeRevert(gas.revertData);
      throw new SigningPostponed(`The token would refuse the transfer now: ${words}.`);
    }
    return { gasLimit: gasLimitFor(gas, policy), ...fees };
  });
}

/**
 * To all nodes at once. Only the exact hash from one of them is acceptance; whatever else they say
 * ("already known", "nonce too low", nothing) means look.
 */
async function broadcast(
  nodes: readonly EvmNode[],
  rawTransaction: Uint8Array,
): Promise<BroadcastAnswer> {
  const expected = hashOf(rawTransaction);
  const raw: Hex = `0x${bytesToHex(rawTransaction)}`;
  const answers = await Promise.all(nodes.map(async (node) => await sendTo(node, raw, expected)));
  if (answers.includes('accepted')) return { kind: 'accepted' };
  return { kind: 'look', reason: answers.join('; ') };
}

async function sendTo(node: EvmNode, raw: Hex, expected: Hex): Promise<string> {
  try {
    const hash = await node.sendRaw(raw);
    return hash === expected ? 'accepted' : `${node.label} answered with another hash`;
  } catch (error) {
    return reasonOf(error);
  }
}
