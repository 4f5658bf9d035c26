import { SIGNATURE_LAMPORTS } from '../src/networks/solana/fees.ts';
import { openTokenAccount, transferChecked } from '../src/networks/solana/instructions.ts';
import { encodeMessage, encodeTransaction } from '../src/networks/solana/message.ts';
import type { TransferOrder } from '../src/networks/network.ts';
import { createSolanaWorld, wallet, type SolanaWorld } from '../test/harness/solana-world.ts';

/** What one payout takes of the chain, as a share of the transaction that holds it. */
export interface SolanaCost {
  /** `existing`: recipients who have had the token; `fresh`: each token account is opened, and its rent paid. */
  readonly kind: (typeof KINDS)[number];
  /** `ours`: the driver's. `plain`: a wallet's transfer without limit, price and memo, one a transaction. */
  readonly whose: 'ours' | 'plain';
  /** Payouts in the transaction. */
  readonly payouts: number;
  /** All per payout. Without the rent of what was opened. */
  readonly feeLamports: number;
  /** What the transaction is charged for its signature, whatever the market for priority asks. */
  readonly signatureLamports: number;
  readonly rentLamports: number;
  readonly bytes: number;
  readonly computeUnits: number;
}

const KINDS = ['existing', 'fresh'] as const;
type Kind = (typeof KINDS)[number];

/** More than any transaction holds. */
const MANY = 12;
const SIZES = [1, 2, 5, MANY] as const;

/**
 * Lamports, bytes and compute units per payout, from what the local chain's virtual machine has charged: alone,
 * a few together and in a full transaction. They do not vary from run to run, so there is one.
 */
export async function measureSolanaCosts(
  tell: (progress: string) => void,
): Promise<readonly SolanaCost[]> {
  const world = createSolanaWorld();
  const costs: SolanaCost[] = [];
  const note = (cost: SolanaCost): void => {
    costs.push(cost);
    tell(`Solana: ${JSON.stringify(cost)}`);
  };
  for (const kind of KINDS) {
    note(await measurePlain(world, kind));
    for (const wanted of SIZES) note(await measureOurs(world, kind, wanted));
  }
  return costs;
}

function ordersOf(world: SolanaWorld, kind: Kind, count: number): TransferOrder[] {
  const orders = Array.from({ length: count }, () => world.order());
  if (kind === 'existing') {
    for (const { toAddress } of orders) {
      world.chain.control.openTokenAccount(world.chain.tokens.USDT.address, toAddress);
    }
    world.finalize();
  }
  return orders;
}

/** As many of the orders as one transaction holds. */
async function measureOurs(world: SolanaWorld, kind: Kind, wanted: number): Promise<SolanaCost> {
  const inspection = await world.inspect(...ordersOf(world, kind, wanted));
  const signed = await world.sign(...inspection.payable);
  const before = world.chain.lamportsOf(world.treasury);
  await world.driver.broadcast(signed.transaction.rawTransaction);
  world.finalize();
  return costOf(world, {
    kind,
    whose: 'ours',
    payouts: inspection.payable.length,
    signature: signed.fence,
    bytes: signed.transaction.rawTransaction.length,
    before,
  });
}

let plainPayments = 0;

async function measurePlain(world: SolanaWorld, kind: Kind): Promise<SolanaCost> {
  plainPayments += 1;
  const mint = world.chain.tokens.USDT.address;
  const { treasury } = world;
  const owner = wallet(`plain ${plainPayments}`);
  const destination = world.tokenAccount(owner);
  const source = world.tokenAccount(treasury);
  if (kind === 'existing') {
    world.chain.control.openTokenAccount(mint, owner);
    world.finalize();
  }
  const transfer = { source, mint, destination, authority: treasury, units: 5n, decimals: 6 };
  const opening = { payer: treasury, address: destination, owner, mint };
  const message = encodeMessage({
    feePayer: treasury,
    blockhash: world.chain.head('finalized').blockhash,
    instructions: [
      ...(kind === 'fresh' ? [openTokenAccount(opening)] : []),
      transferChecked(transfer),
    ],
  });
  const transaction = encodeTransaction(await world.signer.sign(message), message);
  const before = world.chain.lamportsOf(treasury);
  const node = world.chain.openNode('plain');
  const signature = await node.request('sendTransaction', [
    Buffer.from(transaction).toString('base64'),
    { encoding: 'base64' },
  ]);
  world.finalize();
  const bytes = transaction.length;
  return costOf(world, { kind, whose: 'plain', payouts: 1, signature, bytes, before });
}

function costOf(
  world: SolanaWorld,
  paid: Pick<SolanaCost, 'whose' | 'payouts' | 'bytes'> & {
    readonly kind: Kind;
    readonly signature: unknown;
    /** The treasury's lamports. */
    readonly before: bigint;
  },
): SolanaCost {
  const { kind, whose, payouts, signature, bytes, before } = paid;
  const executed = typeof signature === 'string' ? world.chain.transaction(signature) : null;
  if (executed === null || executed.error !== null) {
    throw new Error(`a payment has not landed: ${JSON.stringify(executed?.error ?? null)}`);
  }
  const spent = before - world.chain.lamportsOf(world.treasury);
  const each = (total: bigint | number): number => Math.round((Number(total) * 10) / payouts) / 10;
  return {
    kind,
    whose,
    payouts,
    feeLamports: each(executed.feeLamports),
    signatureLamports: each(SIGNATURE_LAMPORTS),
    rentLamports: each(spent - executed.feeLamports),
    bytes: each(bytes),
    computeUnits: each(executed.unitsConsumed),
  };
}
