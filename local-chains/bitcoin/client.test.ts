import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { fetchKnots } from './fetch-knots.ts';
import { isRecord } from './question.ts';
import { fetchedCommand } from '../fetch-debian-package.ts';
import { withChecksum } from './descriptor.ts';
import { SEGWIT, TAPROOT } from './testing/odd-transactions.ts';
import { spend } from './testing/twin-desk.ts';

// The chain as a process, driven by bitcoin-cli as Debian ships it.
const fetched = await fetchKnots();
const note = fetched.kind === 'ready' ? '' : ` (did not run: ${fetched.reason})`;
const withClient = it.skipIf(fetched.kind !== 'ready');
const run = promisify(execFile);

let child: ChildProcess;
let rpcUrl: string;

beforeAll(async () => {
  const program = path.resolve(import.meta.dirname, 'main.ts');
  const spawned = spawn(process.execPath, [program, '--block-ms', '0'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child = spawned;
  const [line] = (await once(createInterface({ input: spawned.stdout }), 'line')) as [string];
  ({ rpcUrl } = JSON.parse(line) as { rpcUrl: string });
});

afterAll(async () => {
  if (child.exitCode !== null) return;
  const ended = once(child, 'exit');
  child.stdin?.end();
  await ended;
});

async function cli(...args: readonly string[]): Promise<string> {
  if (fetched.kind !== 'ready') return '';
  const [loader, before] = fetchedCommand(fetched.folder, 'usr/bin/bitcoin-cli');
  const { port } = new URL(rpcUrl);
  const login = ['-regtest', `-rpcport=${port}`, '-rpcuser=any', '-rpcpassword=any'];
  const { stdout } = await run(loader, [...before, ...login, ...args]);
  return stdout.trim();
}

async function control(what: string, wish: unknown): Promise<Readonly<Record<string, unknown>>> {
  const response = await fetch(`${rpcUrl}/control/${what}`, {
    method: 'POST',
    body: JSON.stringify(wish),
  });
  const answer: unknown = await response.json();
  if (!response.ok || !isRecord(answer)) throw new Error(`${what}: ${JSON.stringify(answer)}`);
  return answer;
}

withClient(`is driven by bitcoin-cli${note}`, async () => {
  expect(await cli('getblockcount')).toBe('101');
  expect(await cli('-getinfo')).toContain('Blocks: 101');
  await cli('-named', 'createwallet', 'wallet_name=pay', 'disable_private_keys=true', 'blank=true');
  const requests = [{ desc: withChecksum(`tr(${TAPROOT.internalKey})`), timestamp: 'now' }];
  await cli('-rpcwallet=pay', 'importdescriptors', JSON.stringify(requests));
  const { txid } = await control('fund', { scriptHex: TAPROOT.scriptHex, units: '10000001' });
  await control('produceBlock', {});
  const unspent = await cli('-rpcwallet=pay', 'listunspent');
  expect(unspent).toContain('"amount": 0.10000001');
  const coin = { txid: String(txid), vout: 0, units: 10_000_001n };
  const paid = spend(TAPROOT, [coin], { to: [{ scriptHex: SEGWIT.scriptHex, units: 100_000n }] });
  expect(await cli('sendrawtransaction', paid.rawHex)).toBe(paid.txid);
  expect(JSON.parse(await cli('getrawmempool'))).toEqual([paid.txid]);
  const address = 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080';
  const [hash] = JSON.parse(await cli('generatetoaddress', '1', address)) as [string];
  expect(JSON.parse(await cli('getblock', hash, '1'))).toMatchObject({ height: 103, nTx: 2 });
  expect(await cli('-rpcwallet=pay', 'gettransaction', paid.txid)).toContain('"confirmations": 1');
  await expect(cli('sendrawtransaction', paid.rawHex)).rejects.toThrow(
    'Transaction outputs already in utxo set',
  );
});

it('takes controls over HTTP, and says what it does not understand', async () => {
  await control('setNode', { node: 'main', faults: { lagBlocks: 1 } });
  const before = await control('tip', {});
  await control('produceBlocks', { count: 2 });
  const { abandoned } = await control('reorganise', { depth: 2, transactions: 'return' });
  expect(abandoned).toHaveLength(2);
  expect((await control('tip', {}))['height']).toBe(Number(before['height']) + 3);
  await control('heal', { node: 'main' });
  await expect(control('nothing', {})).rejects.toThrow('There is no control');
  await expect(control('fund', { scriptHex: '51', units: 1 })).rejects.toThrow('is a text');
});

it('has a path for each node', async () => {
  await control('setNode', { node: 'second', faults: { wrongChain: true } });
  const ask = async (place: string): Promise<unknown> => {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'getblockchaininfo', params: [] });
    return await (await fetch(`${rpcUrl}${place}`, { method: 'POST', body })).json();
  };
  expect(await ask('/nodes/second')).toMatchObject({ id: 7, result: { chain: 'main' } });
  expect(await ask('/')).toMatchObject({ id: 7, jsonrpc: '2.0', result: { chain: 'regtest' } });
});

it('ends when whoever started it is gone', async () => {
  const ended = once(child, 'exit');
  child.stdin?.end();
  expect(await ended).toEqual([0, null]);
});
