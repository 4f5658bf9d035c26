import { bytesToHex } from '@noble/hashes/utils.js';
import { TronWeb } from 'tronweb';
import { LIFETIME_SECONDS } from '../src/networks/tron/payer.ts';
import { openTronWorld, tronKey, type TronWorld } from '../test/harness/tron-world.ts';

/** What one payout takes of the chain, and what it burns where the treasury has nothing staked or rented. */
export interface TronCost {
  /** "USDT/fresh": the recipient has never had the token; "USDT/existing+340%": he has, and the token is in demand. */
  readonly key: string;
  /** `ours`: the driver's. `plain`: a wallet's, made by tronweb. `memo`: that with the payout's id as a memo. */
  readonly whose: (typeof WAYS)[number];
  readonly energy: number;
  readonly bytes: number;
  readonly sun: number;
}

const WAYS = ['ours', 'plain', 'memo'] as const;

/** Of the penalty of a contract in great demand, in ten-thousandths on top: none, and mainnet's USDT's. */
const FACTORS = [0, 34_000] as const;

/** As long as a payout's id. */
const MEMO_BYTES = 36;

/**
 * Energy, bandwidth and TRX per payout, read from the receipts of a local chain, at its 100 sun a unit of energy and
 * 1,000 a byte. They do not vary from run to run, so there is one.
 */
export async function measureTronCosts(
  tell: (progress: string) => void,
): Promise<{ readonly costs: readonly TronCost[]; readonly payoutsWhenFull: number }> {
  const costs: TronCost[] = [];
  let payoutsWhenFull = 0;
  for (const factor of FACTORS) {
    const world = await openTronWorld();
    payoutsWhenFull = world.driver.limits.ordersPerAttempt;
    for (const asset of [world.usdt, world.usdc]) {
      world.chain.controls.setEnergyFactor(asset.contract ?? '', factor);
    }
    // The daily bytes are free, and used up.
    world.chain.controls.setParameter('getFreeNetLimit', 0);
    await world.blocks(1);
    const name = factor === 0 ? '' : `+${factor / 100}%`;
    let number = 0n;
    for (const token of ['USDT', 'USDC'] as const) {
      for (const kind of ['fresh', 'existing'] as const) {
        for (const whose of WAYS) {
          number += 1n;
          const cost = await measureOne(world, { token, kind, whose, number });
          const key = `${token}/${kind}${name}`;
          costs.push({ ...cost, key, whose });
          tell(`Tron, ${whose}, ${key}: ${JSON.stringify(cost)}`);
        }
      }
    }
  }
  return { costs, payoutsWhenFull };
}

interface Case {
  readonly token: 'USDT' | 'USDC';
  readonly kind: 'fresh' | 'existing';
  readonly whose: TronCost['whose'];
  readonly number: bigint;
}

async function measureOne(
  world: TronWorld,
  { token, kind, whose, number }: Case,
): Promise<Pick<TronCost, 'energy' | 'bytes' | 'sun'>> {
  const asset = token === 'USDT' ? world.usdt : world.usdc;
  const toAddress = tronKey(Number(number) + 20).address;
  if (kind === 'existing') {
    world.chain.controls.mint(asset.contract ?? '', toAddress, 1n);
    await world.blocks(1);
  }
  const order = world.order(`payout ${number}`, { asset, toAddress });
  const signed = await world.sign(order, number);
  const transfer = { toAddress, contract: asset.contract ?? '', units: order.units };
  const memo = whose === 'memo' ? 'x'.repeat(MEMO_BYTES) : '';
  const raw =
    whose === 'ours' ? signed.transaction.rawTransaction : await byWallet(world, transfer, memo);
  const node = world.chain.openNode('node 1');
  const answer = (await node.post('/wallet/broadcasthex', { transaction: hexOf(raw) })) as Answer;
  if (answer.result !== true) throw new Error(`the chain refused: ${JSON.stringify(answer)}`);
  await world.blocks(1);
  const value = answer.txid ?? '';
  const info = (await node.post('/wallet/gettransactioninfobyid', { value })) as Info;
  if (info.receipt.result !== 'SUCCESS') throw new Error(`it ended with ${info.receipt.result}`);
  return {
    energy: info.receipt.energy_usage_total,
    bytes: info.receipt.net_fee / 1_000,
    sun: info.fee,
  };
}

interface Answer {
  readonly result?: boolean;
  readonly txid?: string;
}

interface Info {
  readonly fee: number;
  readonly receipt: {
    readonly energy_usage_total: number;
    readonly net_fee: number;
    readonly result: string;
  };
}

/** The same transfer as a wallet builds and signs it, without a node. */
async function byWallet(
  world: TronWorld,
  transfer: { readonly toAddress: string; readonly contract: string; readonly units: bigint },
  memo: string,
): Promise<string> {
  const tronWeb = new TronWeb({ fullHost: 'http://127.0.0.1:1', privateKey: '01'.repeat(32) });
  const head = world.chain.truth.head();
  const options = {
    txLocal: true,
    feeLimit: 50_000_000,
    blockHeader: {
      ref_block_bytes: head.blockId.slice(12, 16),
      ref_block_hash: head.blockId.slice(16, 32),
      expiration: head.timestampMs + Number(LIFETIME_SECONDS) * 1_000,
      timestamp: head.timestampMs,
    },
  };
  const built = await tronWeb.transactionBuilder.triggerSmartContract(
    transfer.contract,
    'transfer(address,uint256)',
    options,
    [
      { type: 'address', value: transfer.toAddress },
      { type: 'uint256', value: transfer.units.toString() },
    ],
    world.treasury,
  );
  const local = { txLocal: true };
  const { transactionBuilder } = tronWeb;
  const whole =
    memo === ''
      ? built.transaction
      : await transactionBuilder.addUpdateData(built.transaction, memo, 'utf8', local);
  const signed = await tronWeb.trx.sign(whole);
  const [signature = ''] = signed.signature;
  const raw = Buffer.from(signed.raw_data_hex, 'hex');
  return `0a${lengthOf(raw.length)}${signed.raw_data_hex}1241${signature}`;
}

/** A length as a protobuf varint, for lengths from 128 to 16,383. */
function lengthOf(bytes: number): string {
  return Buffer.from([(bytes & 0x7f) | 0x80, bytes >> 7]).toString('hex');
}

function hexOf(raw: Uint8Array | string): string {
  return typeof raw === 'string' ? raw : bytesToHex(raw);
}
