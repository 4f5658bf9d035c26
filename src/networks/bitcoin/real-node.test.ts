import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest';
import { fetchKnots } from '../../../local-chains/bitcoin/fetch-knots.ts';
import { startKnots, type Knots } from '../../../local-chains/bitcoin/start-knots.ts';
import { ecdsaSigner, taprootSigner } from '../../../test/harness/bitcoin-keys.ts';
import { BTC, recipient, toFollow } from '../../../test/harness/bitcoin-world.ts';
import type { Json } from '../../base/json.ts';
import type { NetworkDriver, TransferOrder } from '../network.ts';
import { createRpcEndpoints, type RpcEndpoint } from '../nodes/json-rpc.ts';
import { createBitcoinDriver } from './driver.ts';
import { readExactJson } from './read-answer.ts';
import { addressOfScript, scriptOfAddress } from './script.ts';
import { readTransaction } from './transaction.ts';
import { treasuryKeyOf } from './treasury-key.ts';

/** The first block of every regtest chain. */
const GENESIS = '0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206';

const NOTHING = { unitsOnTheWay: 0n, taken: [] };
const signers = { p2tr: taprootSigner('treasury'), p2wpkh: ecdsaSigner('treasury') };

let knots: Knots | undefined;
let whyNot = '';
let node: RpcEndpoint | undefined;

beforeAll(async () => {
  const fetched = await fetchKnots();
  if (fetched.kind === 'unavailable') {
    whyNot = fetched.reason;
    return;
  }
  knots = await startKnots({ folder: fetched.folder });
  [node] = createRpcEndpoints([knots.rpcUrl], 30_000, readExactJson);
  await ask('createwallet', ['miner']);
  await mine(110);
}, 120_000);

afterAll(async () => {
  await knots?.stop();
});

async function ask(method: string, params: readonly Json[], path?: string): Promise<unknown> {
  if (node === undefined) throw new Error('there is no node');
  return await node.request(method, params, path);
}

async function mine(count: number): Promise<void> {
  const address = (await ask('getnewaddress', [], 'wallet/miner')) as string;
  await ask('generatetoaddress', [count, address]);
}

/** As the node writes the address of a script. */
async function regtestAddress(descriptor: string): Promise<string> {
  const { checksum } = (await ask('getdescriptorinfo', [descriptor])) as { checksum: string };
  const [address] = (await ask('deriveaddresses', [`${descriptor}#${checksum}`])) as string[];
  return address ?? '';
}

function order(index: number, units: bigint, toAddress = recipient(index)): TransferOrder {
  return { payoutId: `payout-${index}`, asset: BTC, units, toAddress };
}

interface Scene {
  readonly driver: NetworkDriver;
  readonly script: string;
  readonly address: string;
  readonly fund: (...bitcoins: readonly number[]) => Promise<void>;
}

async function startScene(context: TestContext, kind: keyof typeof signers): Promise<Scene> {
  if (knots === undefined) context.skip(`no real node here: ${whyNot}`);
  const key = treasuryKeyOf(signers[kind]);
  const address = await regtestAddress(key.descriptor);
  const driver = createBitcoinDriver({
    expectedGenesis: GENESIS,
    rpcUrls: [knots?.rpcUrl ?? ''],
    signer: signers[kind],
    assets: [BTC],
  });
  return {
    driver,
    script: key.script,
    address,
    async fund(...bitcoins) {
      for (const each of bitcoins) await ask('sendtoaddress', [address, each], 'wallet/miner');
      await mine(6);
    },
  };
}

describe.each(['p2tr', 'p2wpkh'] as const)('a %s treasury on a real node', (kind) => {
  it('pays every kind of address, is replaced, and adds up', async (context) => {
    const { driver, fund, address } = await startScene(context, kind);
    // Before the wallet is there: it has to find what was paid earlier.
    await fund(0.5, 0.3);
    await driver.verifyAssets();
    const opening = (await driver.head()).final.number;
    const held = await driver.unitsAt(BTC, opening);
    expect(held).toBe(80_000_000n);
    await ask('generatetoaddress', [1, address]);
    const reward = await driver.unitsAt(BTC, (await driver.head()).latest.number);
    expect(reward).toBeGreaterThan(held + 10n ** 8n);
    await mine(5);
    const addresses = [
      `76a914${'11'.repeat(20)}88ac`,
      `a914${'22'.repeat(20)}87`,
      `0014${'33'.repeat(20)}`,
      `0020${'44'.repeat(32)}`,
      treasuryKeyOf(taprootSigner('somebody')).script,
    ].map((script) => addressOfScript(script) ?? '');
    const orders = addresses.map((address, index) =>
      order(index, 1_000_000n + BigInt(index), address),
    );
    const { payable, plan } = await driver.inspect(orders, NOTHING);
    expect(payable).toEqual(orders);
    const lane = { sender: driver.treasury, sequence: 1n };
    const attempt = await driver.sign({ orders, number: 1n, plan: plan ?? {}, lane });
    expect(await driver.broadcast(attempt.transaction.rawTransaction)).toEqual({
      kind: 'accepted',
    });
    expect((await driver.broadcast(attempt.transaction.rawTransaction)).kind).toMatch(
      /accepted|look/,
    );
    const first = toFollow(attempt, orders);
    expect(await driver.status(first)).toEqual({ kind: 'waiting' });
    expect((await driver.inspect(orders, NOTHING)).waiting[0]?.reason).toContain('is not recorded');
    const taken = [...attempt.transaction.spends];
    const second = await driver.replace(attempt.transaction, 'itself', { taken });
    expect(await driver.broadcast(second.rawTransaction)).toEqual({ kind: 'accepted' });
    const versions = [second.transactionHash, attempt.transaction.transactionHash];
    const both = toFollow(attempt, orders, versions);
    expect(await driver.status(both)).toEqual({ kind: 'waiting' });
    expect(await driver.unitsAt(BTC, opening)).toBe(held);
    await mine(1);
    expect(await driver.status(both)).toMatchObject({ kind: 'included' });
    await mine(5);
    const final = await driver.status(both);
    expect(final).toMatchObject({ kind: 'final', transactionHash: second.transactionHash });
    const end = (await driver.head()).final.number;
    const movements = await driver.movements(BTC, { from: opening + 1n, to: end });
    const kinds = movements.map(({ kind: it, direction }) => `${it} ${direction}`);
    expect(kinds).toEqual(['transfer in', ...orders.map(() => 'transfer out'), 'fee out']);
    const change = movements.reduce(
      (sum, { direction, units }) => (direction === 'in' ? sum + units : sum - units),
      0n,
    );
    expect(await driver.unitsAt(BTC, end)).toBe(held + change);
    expect(movements.at(-1)?.units).toBe(final.kind === 'final' ? final.feeUnits : 0n);
    expect(movements.map(({ counterparty }) => counterparty).slice(1, -1)).toEqual(addresses);
  });

  it('sees a conflict buried, and an older version come back', async (context) => {
    const { driver, fund, script } = await startScene(context, kind);
    await fund(0.2);
    await driver.verifyAssets();
    const orders = [order(1, 2_000_000n)];
    const { plan } = await driver.inspect(orders, NOTHING);
    const lane = { sender: driver.treasury, sequence: 2n };
    const attempt = await driver.sign({ orders, number: 2n, plan: plan ?? {}, lane });
    const other = await driver.sign({
      orders: [order(2, 2_000_000n)],
      number: 3n,
      plan: plan ?? {},
      lane,
    });
    const follow = toFollow(attempt, orders);
    await driver.broadcast(other.transaction.rawTransaction);
    expect((await driver.broadcast(attempt.transaction.rawTransaction)).kind).toBe('look');
    await mine(5);
    expect(await driver.status(follow)).toEqual({ kind: 'unseen' });
    await mine(1);
    expect(await driver.status(follow)).toMatchObject({
      kind: 'dead',
      takenBy: other.transaction.transactionHash,
    });
    // The block of the conflict is undone, and another one holds the attempt.
    const { height } = (await ask('getblockheader', [await blockOf(driver, other)])) as {
      height: number;
    };
    const conflicting = (await ask('getblockhash', [height])) as string;
    await ask('invalidateblock', [conflicting]);
    const miner = (await ask('getnewaddress', [], 'wallet/miner')) as string;
    const raw = Buffer.from(attempt.transaction.rawTransaction).toString('hex');
    await ask('generateblock', [miner, [raw]]);
    expect((await driver.status(follow)).kind).toBe('included');
    await mine(6);
    expect(await driver.status(follow)).toMatchObject({ kind: 'final' });
    expect(readTransaction(attempt.transaction.rawTransaction).outputs.at(-1)?.script).toBe(script);
  });

  it('makes one coin of many', { timeout: 120_000 }, async (context) => {
    const { driver, fund } = await startScene(context, kind);
    await fund(...Array.from({ length: 60 }, () => 0.001));
    await driver.verifyAssets();
    const cheap = createBitcoinDriver({
      expectedGenesis: GENESIS,
      rpcUrls: [knots?.rpcUrl ?? ''],
      signer: signers[kind],
      assets: [BTC],
      fees: { ceilingSatPerKvb: 200_000n, longTermSatPerKvb: 100_000n },
    });
    const [chore] = (await cheap.upkeep({ taken: [] })).chores;
    if (chore === undefined) throw new Error('there is a chore');
    const signed = await cheap.signChore(chore, { sender: cheap.treasury, sequence: 4n });
    expect(await cheap.broadcast(signed.rawTransaction)).toEqual({ kind: 'accepted' });
    await mine(6);
    expect(await cheap.track(signed)).toMatchObject({ kind: 'final' });
  });
});

async function blockOf(
  driver: NetworkDriver,
  attempt: Parameters<typeof toFollow>[0],
): Promise<string> {
  const orders = [order(2, 2_000_000n)];
  const sighting = await driver.status(toFollow(attempt, orders));
  if (sighting.kind !== 'final') throw new Error(`it is ${sighting.kind}`);
  return sighting.block.hash;
}

describe('the addresses of the treasury', () => {
  it('are those of the main network, whatever the node calls them', () => {
    for (const signer of Object.values(signers)) {
      const { address, script } = treasuryKeyOf(signer);
      expect(address.startsWith('bc1')).toBe(true);
      expect(scriptOfAddress(address)).toBe(script);
    }
  });
});
