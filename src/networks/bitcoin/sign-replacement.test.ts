import { describe, expect, it } from 'vitest';
import {
  endpointOf,
  recipient,
  startBitcoinWorld,
  type BitcoinWorld,
} from '../../../test/harness/bitcoin-world.ts';
import { taprootSigner } from '../../../test/harness/bitcoin-keys.ts';
import { SigningPostponed, type NewTransaction, type SignedAttempt } from '../network.ts';
import { signPayment } from './sign-inputs.ts';
import { readTransaction } from './transaction.ts';
import { treasuryKeyOf } from './treasury-key.ts';

interface Scene extends BitcoinWorld {
  readonly attempt: SignedAttempt;
  readonly replace: (old: NewTransaction) => Promise<NewTransaction>;
  /** What a transaction pays beyond what its outputs hold. */
  readonly feeOf: (transaction: NewTransaction) => bigint;
}

async function startScene(coins: readonly bigint[], units: bigint): Promise<Scene> {
  const world = await startBitcoinWorld();
  const { driver, chain, script } = world;
  chain.setFeeEstimate(5_000n);
  world.fund(...coins);
  const attempt = await world.sign([world.order(1, units)]);
  await driver.broadcast(attempt.transaction.rawTransaction);
  return {
    ...world,
    attempt,
    replace: async (old) => await driver.replace(old, 'itself', { taken: [...old.spends] }),
    feeOf({ rawTransaction, spends }) {
      const held = chain.truth
        .outputsTo(script)
        .filter(({ txid, vout }) => spends.includes(`${txid}:${vout}`));
      const { outputs } = readTransaction(rawTransaction);
      const sum = (all: readonly { units: bigint }[]): bigint =>
        all.reduce((total, each) => total + each.units, 0n);
      return sum(held) - sum(outputs);
    },
  };
}

function paymentsOf(transaction: NewTransaction, script: string): unknown {
  const { outputs } = readTransaction(transaction.rawTransaction);
  return outputs.filter((output) => output.script !== script);
}

describe('replacing a transaction', () => {
  it('keeps its coins and its payouts, and nodes take it', async () => {
    const { attempt, replace, driver, chain, script, feeOf } = await startScene(
      [50_000_000n],
      7_000_000n,
    );
    const second = await replace(attempt.transaction);
    expect(second.spends).toEqual(attempt.transaction.spends);
    expect(paymentsOf(second, script)).toEqual(paymentsOf(attempt.transaction, script));
    expect(feeOf(second)).toBeGreaterThan(feeOf(attempt.transaction));
    expect(await driver.broadcast(second.rawTransaction)).toEqual({ kind: 'accepted' });
    expect(chain.pool().map(({ txid }) => txid)).toEqual([second.transactionHash]);
  });

  it('pays what the market asks by now', async () => {
    const { attempt, replace, chain, feeOf } = await startScene([50_000_000n], 7_000_000n);
    chain.setFeeEstimate(60_000n);
    const second = await replace(attempt.transaction);
    const { weight } = readTransaction(second.rawTransaction);
    expect(feeOf(second)).toBe((BigInt(Math.ceil(weight / 4)) * 60_000n + 999n) / 1_000n);
  });

  it('can be replaced again and again, up to the ceiling', async () => {
    const { attempt, replace, driver, feeOf } = await startScene([50_000_000n], 7_000_000n);
    let newest = attempt.transaction;
    let versions = 0;
    for (;;) {
      const next = await replace(newest).catch((error: unknown) => error);
      if (next instanceof SigningPostponed) break;
      newest = next as NewTransaction;
      versions += 1;
      expect(await driver.broadcast(newest.rawTransaction)).toEqual({ kind: 'accepted' });
    }
    const { weight } = readTransaction(newest.rawTransaction);
    expect(feeOf(newest)).toBeLessThanOrEqual(
      (BigInt(Math.ceil(weight / 4)) * 200_000n + 999n) / 1_000n,
    );
    expect(versions).toBeGreaterThan(10);
    expect(versions).toBeLessThan(25);
  });

  it('adds a coin where the change does not suffice, behind those that it keeps', async () => {
    const world = await startBitcoinWorld();
    const { driver, chain, script, order, sign } = world;
    chain.setFeeEstimate(5_000n);
    world.fund(10_000_000n);
    const attempt = await sign([order(1, 9_997_000n)]).catch(() => null);
    expect(attempt).not.toBeNull();
    if (attempt === null) return;
    world.fund(20_000_000n, 3_000_000n);
    await driver.broadcast(attempt.transaction.rawTransaction);
    chain.setFeeEstimate(100_000n);
    const second = await driver.replace(attempt.transaction, 'itself', {
      taken: [...attempt.transaction.spends],
    });
    expect(second.spends.slice(0, 1)).toEqual(attempt.transaction.spends);
    expect(second.spends).toHaveLength(2);
    expect(paymentsOf(second, script)).toEqual(paymentsOf(attempt.transaction, script));
    expect(await driver.broadcast(second.rawTransaction)).toEqual({ kind: 'accepted' });
    // The smaller one was enough.
    const added = chain.truth.outputsTo(script).find(({ units }) => units === 3_000_000n);
    expect(second.spends[1]).toBe(`${added?.txid}:${added?.vout}`);
  });

  it('adds no coin that another transaction has taken', async () => {
    const world = await startBitcoinWorld();
    const { driver, chain, order, sign, script } = world;
    chain.setFeeEstimate(5_000n);
    world.fund(10_000_000n);
    const attempt = await sign([order(1, 9_997_000n)]);
    world.fund(3_000_000n);
    const other = chain.truth.outputsTo(script).find(({ units }) => units === 3_000_000n);
    await driver.broadcast(attempt.transaction.rawTransaction);
    chain.setFeeEstimate(100_000n);
    const taken = [...attempt.transaction.spends, `${other?.txid}:${other?.vout}`];
    await expect(driver.replace(attempt.transaction, 'itself', { taken })).rejects.toThrow(
      SigningPostponed,
    );
  });

  it('pays for what its recipient has done with an unconfirmed payout', async () => {
    const { driver, chain, order, sign, fund } = await startBitcoinWorld();
    const recipientKey = treasuryKeyOf(taprootSigner('recipient'));
    chain.setFeeEstimate(5_000n);
    fund(50_000_000n);
    const { transaction } = await sign([order(1, 7_000_000n, recipientKey.address)]);
    await driver.broadcast(transaction.rawTransaction);
    const child = await signPayment(recipientKey, {
      coins: [{ outpoint: `${transaction.transactionHash}:0`, units: 7_000_000n }],
      outputs: [{ units: 6_980_000n, script: recipientKey.script }],
      mostFeeUnits: 20_000n,
    });
    await driver.broadcast(child.rawTransaction);
    expect(chain.pool()).toHaveLength(2);
    const taken = [...transaction.spends];
    const second = await driver.replace(transaction, 'itself', { taken });
    expect(await driver.broadcast(second.rawTransaction)).toEqual({ kind: 'accepted' });
    expect(chain.pool().map(({ txid }) => txid)).toEqual([second.transactionHash]);
    expect(chain.pool()[0]?.feeUnits).toBeGreaterThan(20_000n);
  });

  it('is not made dear by what one node of three says was paid with it', async () => {
    const { another, nodes, chain, sign, order, fund, driver } = await startBitcoinWorld({
      nodeCount: 3,
    });
    chain.setFeeEstimate(5_000n);
    fund(50_000_000n);
    const { transaction } = await sign([order(1, 7_000_000n)]);
    await driver.broadcast(transaction.rawTransaction);
    const endpoints = nodes.map((node, index) => {
      const honest = endpointOf(node);
      const liar: typeof honest = {
        ...honest,
        async request(method, ...asked) {
          const answer = await honest.request(method, ...asked);
          if (method !== 'getmempoolentry') return answer;
          return { ...(answer as object), fees: { base: 0.00001, descendant: 0.02 } };
        },
      };
      return index === 2 ? liar : honest;
    });
    const taken = [...transaction.spends];
    const second = await driver.replace(transaction, 'itself', { taken });
    const third = await another({ endpoints }).replace(transaction, 'itself', { taken });
    expect(third).toEqual(second);
  });

  it('is postponed once a coin is spent in a block, and where the nodes do not agree', async () => {
    const { attempt, replace, mine } = await startScene([50_000_000n], 7_000_000n);
    mine();
    await expect(replace(attempt.transaction)).rejects.toThrow('A coin of it is spent in a block.');
  });

  it('never pays nobody, and takes no bytes of somebody else', async () => {
    const { attempt, driver, replace } = await startScene([50_000_000n], 7_000_000n);
    const { transaction } = attempt;
    await expect(driver.replace(transaction, 'nothing', { taken: [] })).rejects.toThrow(
      'pays nobody',
    );
    await expect(replace({ ...transaction, transactionHash: 'ab'.repeat(32) })).rejects.toThrow(
      'another hash',
    );
    await expect(replace({ ...transaction, sender: recipient(1) })).rejects.toThrow(
      'another sender',
    );
  });
});
