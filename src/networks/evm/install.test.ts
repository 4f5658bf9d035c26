import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startTestChain, type TestChain } from '../../../test/harness/chain.ts';
import {
  createBareTreasury,
  fateOf,
  STRANGER,
  type TestTreasury,
} from '../../../test/harness/evm-treasury.ts';
import { present } from '../../base/assert.ts';
import { SigningPostponed, type Chore, type NetworkDriver, type Upkeep } from '../network.ts';
import { readLaneTransaction } from './lane-transaction.ts';
import { DELEGATED_CODE, DEPLOYMENT_PROXY, TREASURY_CODE } from './treasury-code.ts';

const COIN = 10n ** 18n;

let chain: TestChain;
let treasury: TestTreasury;
let driver: NetworkDriver;
beforeEach(async () => {
  chain = await startTestChain();
  treasury = createBareTreasury(chain);
  driver = treasury.driver;
  await chain.fund(driver.treasury);
});
afterEach(async () => {
  await chain.stop();
});

function purposesOf({ chores }: Upkeep): string[] {
  return chores.map(({ purpose }) => purpose);
}

async function choreOf(purpose: Chore['purpose']): Promise<Chore> {
  const { chores } = await driver.upkeep({ taken: [] });
  return present(
    chores.find((chore) => chore.purpose === purpose),
    `the upkeep asks for ${purpose}`,
  );
}

async function lane() {
  const { latest } = await driver.sequences(driver.treasury);
  return { sender: driver.treasury, sequence: latest };
}

async function run(chore: Chore): Promise<void> {
  await treasury.send(await driver.signChore(chore, await lane()));
  await chain.mine(1);
}

async function coinsOf(account: string): Promise<bigint> {
  return BigInt((await chain.rpc('eth_getBalance', account, 'latest')) as string);
}

describe('a new chain', () => {
  it('needs the code, then the delegation, and coins for gas', async () => {
    expect(purposesOf(await driver.upkeep({ taken: [] }))).toEqual(['DEPLOY', 'TOP_UP', 'TOP_UP']);
    await run(await choreOf('DEPLOY'));
    expect(await chain.rpc('eth_getCode', TREASURY_CODE, 'latest')).not.toBe('0x');
    expect(purposesOf(await driver.upkeep({ taken: [] }))).toEqual([
      'DELEGATE',
      'TOP_UP',
      'TOP_UP',
    ]);
    await run(await choreOf('DELEGATE'));
    expect(await chain.rpc('eth_getCode', driver.treasury, 'latest')).toBe(DELEGATED_CODE);
    expect(purposesOf(await driver.upkeep({ taken: [] }))).toEqual(['TOP_UP', 'TOP_UP']);
    await run(await choreOf('TOP_UP'));
    await run(await choreOf('TOP_UP'));
    expect(await driver.upkeep({ taken: [] })).toEqual({ chores: [], alarms: [] });
    const attempt = await treasury.sign([treasury.orderOf()]);
    expect(fateOf(await treasury.settle(attempt)).kind).toBe('paid');
  });

  it('says how many sequences each takes', async () => {
    for (let rounds = 0; rounds < 4; rounds += 1) {
      const chore = present((await driver.upkeep({ taken: [] })).chores[0], 'there is more to do');
      const before = (await lane()).sequence;
      await run(chore);
      expect((await lane()).sequence - before).toBe(chore.takes);
    }
  });

  it('is set up by anyone who has deployed the code', async () => {
    const other = await startTestChain();
    const elsewhere = createBareTreasury(other);
    await other.fund(elsewhere.driver.treasury);
    await elsewhere.keepUp();
    const code = (await other.rpc('eth_getCode', TREASURY_CODE, 'latest')) as string;
    await other.stop();
    await chain.rpc('anvil_setCode', TREASURY_CODE, code);
    expect(purposesOf(await driver.upkeep({ taken: [] }))[0]).toBe('DELEGATE');
  });

  it('without the deployment proxy is an alarm', async () => {
    await chain.rpc('anvil_setCode', DEPLOYMENT_PROXY, '0x');
    const { chores, alarms } = await driver.upkeep({ taken: [] });
    expect(chores.map(({ purpose }) => purpose)).toEqual(['TOP_UP', 'TOP_UP']);
    expect(alarms).toEqual([expect.stringContaining('no deployment proxy')]);
  });
});

describe('what nobody of us has set up', () => {
  it.each<[string, () => string, string]>([
    ['the account runs other code', () => driver.treasury, `0xef0100${'12'.repeat(20)}`],
    ['the account is a contract', () => driver.treasury, '0x00'],
    ['other code lies at the address', () => TREASURY_CODE, '0x6001'],
  ])('is an alarm and no chore: %s', async (_, account, code) => {
    await chain.rpc('anvil_setCode', account(), code);
    const { chores, alarms } = await driver.upkeep({ taken: [] });
    expect(chores.map(({ purpose }) => purpose)).toEqual(['TOP_UP', 'TOP_UP']);
    expect(alarms).toHaveLength(1);
  });
});

describe('a delegation', () => {
  it('names the chain and the nonce after its own transaction', async () => {
    await run(await choreOf('DEPLOY'));
    const place = await lane();
    const signed = await driver.signChore(await choreOf('DELEGATE'), place);
    expect(await readLaneTransaction(signed.rawTransaction)).toMatchObject({
      sender: driver.treasury.toLowerCase(),
      delegator: driver.treasury.toLowerCase(),
      delegation: { chainId: chain.chainId, to: TREASURY_CODE, nonce: place.sequence + 1n },
    });
  });

  it('that is replaced delegates the same, and one of the two lands', async () => {
    await run(await choreOf('DEPLOY'));
    const signed = await driver.signChore(await choreOf('DELEGATE'), await lane());
    await treasury.send(signed);
    const again = await driver.replace(signed, 'itself', { taken: [] });
    await treasury.send(again);
    await chain.mine(1);
    expect(await chain.rpc('eth_getCode', driver.treasury, 'latest')).toBe(DELEGATED_CODE);
    await chain.mine(4);
    expect((await driver.track(again)).kind).toBe('final');
  });

  it('that is replaced by nothing delegates nothing', async () => {
    await run(await choreOf('DEPLOY'));
    const signed = await driver.signChore(await choreOf('DELEGATE'), await lane());
    await treasury.send(signed);
    const nothing = await driver.replace(signed, 'nothing', { taken: [] });
    await treasury.send(nothing);
    await chain.mine(5);
    expect(await driver.track(nothing)).toMatchObject({ kind: 'final', succeeded: true });
    expect(await chain.rpc('eth_getCode', driver.treasury, 'latest')).toBe('0x');
  });

  it('is signed on no other lane', async () => {
    const chore = await choreOf('DEPLOY');
    for (const sender of [driver.gasAccounts[0] ?? '', STRANGER]) {
      await expect(driver.signChore(chore, { sender, sequence: 0n })).rejects.toThrow('lane');
    }
  });
});

describe('coins for gas', () => {
  beforeEach(async () => {
    await treasury.keepUp();
  });

  it('come back to the same level, once an account is below a third of it', async () => {
    const account = driver.gasAccounts[1] ?? '';
    const full = await coinsOf(account);
    await chain.fund(account, { units: 0n, wei: (full * 2n) / 5n });
    expect(await driver.upkeep({ taken: [] })).toEqual({ chores: [], alarms: [] });
    await chain.fund(account, { units: 0n, wei: full / 4n });
    const chore = await choreOf('TOP_UP');
    expect(chore.what).toMatch(new RegExp(`^tops gas account ${account} up with \\d.* POL$`));
    await run(chore);
    const ratio = ((await coinsOf(account)) * 100n) / full;
    // Fees have moved a little.
    expect(ratio > 70n && ratio < 140n).toBe(true);
  });

  it('are not sent twice where the first have come since', async () => {
    const account = driver.gasAccounts[0] ?? '';
    await chain.fund(account, { units: 0n, wei: 0n });
    const chore = await choreOf('TOP_UP');
    await run(chore);
    await expect(driver.signChore(chore, await lane())).rejects.toThrow(SigningPostponed);
  });

  it('go to gas accounts only, and not beyond a bound', async () => {
    await chain.fund(driver.gasAccounts[0] ?? '', { units: 0n, wei: 0n });
    const chore = await choreOf('TOP_UP');
    for (const account of [STRANGER, driver.treasury]) {
      const stray = { ...chore, details: { ...chore.details, account } };
      await expect(driver.signChore(stray, await lane())).rejects.toThrow();
    }
    const vast = { wei: (600n * COIN).toString(), fullWei: (900n * COIN).toString() };
    const beyond = { ...chore, details: { ...chore.details, ...vast } };
    await expect(driver.signChore(beyond, await lane())).rejects.toThrow('bound');
  });

  it('are shared out as far as the treasury has them, and a person is told', async () => {
    const needed = await coinsOf(driver.gasAccounts[0] ?? '');
    for (const account of driver.gasAccounts) await chain.fund(account, { units: 0n, wei: 0n });
    await chain.fund(driver.treasury, { units: 0n, wei: (needed * 5n) / 4n });
    const { chores, alarms } = await driver.upkeep({ taken: [] });
    expect(chores.length).toBe(2);
    const wei = chores.map(({ details }) => BigInt(details['wei'] ?? 0));
    expect((wei[0] ?? 0n) > (wei[1] ?? 0n)).toBe(true);
    expect(alarms).toEqual([]);
    await chain.fund(driver.treasury, { units: 0n, wei: 1_000n });
    const poor = await driver.upkeep({ taken: [] });
    expect(poor.chores).toEqual([]);
    expect(poor.alarms).toEqual([
      expect.stringMatching(/^the treasury account 0x.* is low on coins: 0\.0+1 POL$/),
      expect.stringMatching(/^gas account 0x.* holds 0 POL, enough for about 0 batches/),
      expect.stringMatching(/^gas account 0x.* holds 0 POL, enough for about 0 batches/),
    ]);
  });

  it('are bounded, whatever the fees', async () => {
    await chain.fund(driver.treasury, { units: 0n, wei: 1_000_000n * COIN });
    for (const account of driver.gasAccounts) await chain.fund(account, { units: 0n, wei: 0n });
    await chain.rpc('anvil_setNextBlockBaseFeePerGas', `0x${(1_650n * 10n ** 9n).toString(16)}`);
    await chain.mine(1);
    const { chores } = await driver.upkeep({ taken: [] });
    expect(chores.map(({ details }) => BigInt(details['wei'] ?? 0))).toEqual([
      500n * COIN,
      500n * COIN,
    ]);
  });

  it('are not moved while gas costs more than the ceiling', async () => {
    await chain.fund(driver.gasAccounts[0] ?? '', { units: 0n, wei: 0n });
    await chain.rpc('anvil_setNextBlockBaseFeePerGas', `0x${(4_000n * 10n ** 9n).toString(16)}`);
    await chain.mine(1);
    const { chores, alarms } = await driver.upkeep({ taken: [] });
    expect(chores).toEqual([]);
    expect(alarms).toEqual([expect.stringContaining('the ceiling is')]);
  });
});

describe('where no node answers', () => {
  it('the upkeep throws', async () => {
    const lost = treasury.driverWith({ rpcUrls: ['http://127.0.0.1:9'] });
    await expect(lost.upkeep({ taken: [] })).rejects.toThrow('node 1');
  });
});
