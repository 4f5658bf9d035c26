import { describe, expect, test } from 'vitest';
import { runKnit } from '../../test/harness/run-knit.ts';
import { Fault } from '../base/fault.ts';
import { SealBroken } from '../base/seal.ts';
import { ConfigProblem, type ApiConfig } from '../config.ts';
import { CommitUnknown, ConnectionLost } from '../database/sql-failure.ts';
import { ChainMismatch } from '../networks/network.ts';
import { PayerMismatch } from '../settlement/network-state.ts';
import { CommandFailure, endingOf } from './exit-code.ts';
import { plain } from './respond.ts';

const API_ENV = {
  DATABASE_URL: 'postgres://127.0.0.1:1/none',
  KNIT_MASTER_KEY: 'ab'.repeat(32),
  KNIT_NETWORKS: 'BSC_MAINNET',
  KNIT_RPC_BSC_MAINNET: 'http://127.0.0.1:1',
};
const BUSINESS = '0197a2b4-0000-7000-8000-000000000000';

describe('the command line', () => {
  test.each([
    ['an unknown command', ['pay'], /unknown command 'pay'/],
    ['an unknown option', ['migrate', '--force'], /unknown option '--force'/],
    ['a missing option', ['user', 'create'], /required option '--business <id>' not specified/],
    ['a surplus argument', ['migrate', 'now'], /too many arguments/],
    ['an id that is none', ['business', 'show', '--business', '17'], /It must be a UUID/],
    ['a limit out of bounds', ['business', 'list', '--limit', '0'], /from 1 to 1000/],
    [
      'an unknown token',
      ['account', 'create', '--business', BUSINESS, '--token', 'EUR'],
      /one of USDT, USDC, BTC/,
    ],
    [
      'an unknown network',
      ['lane', 'adopt', '--network', 'MARS', '--sender', 'x'],
      /one of BITCOIN_MAINNET/,
    ],
    [
      'an unknown event type',
      ['webhook', 'endpoint', 'create', '--business', BUSINESS, '--url', 'x', '--event', 'ALL'],
      /PAYOUT_SUCCESSFUL or PAYOUT_FAILED/,
    ],
  ])('%s is one line and exit code 2', async (_name, args, message) => {
    const result = await runKnit(args, {});
    expect(result).toMatchObject({ exitCode: 2, stdout: '' });
    expect(result.stderr).toMatch(/^knit: [^\n]+\n$/);
    expect(result.stderr).toMatch(message);
  });

  test('a missing verb shows the help on standard error', async () => {
    const result = await runKnit(['business'], {});
    expect(result).toMatchObject({ exitCode: 2, stdout: '' });
    expect(result.stderr).toMatch(/^Usage: knit business/);
  });

  test('help and version are answers', async () => {
    const help = await runKnit(['wallet', 'credit', '--help'], {});
    expect(help).toMatchObject({ exitCode: 0, stderr: '' });
    expect(help.stdout).toContain('--confirm <environment>');
    const version = await runKnit(['--version'], {});
    expect(version.stdout).toMatch(/^\d+[.]\d+[.]\d+/);
    expect(version.exitCode).toBe(0);
  });

  test('a setting is read before a service is loaded', async () => {
    expect(await runKnit(['api'], { ...API_ENV, KNIT_MASTER_KEY: '' })).toEqual({
      exitCode: 2,
      stdout: '',
      stderr: 'knit: KNIT_MASTER_KEY: is not set (nor is KNIT_MASTER_KEY_FILE)\n',
    });
    expect((await runKnit(['worker'], API_ENV)).stderr).toBe(
      'knit: KNIT_TREASURY_MNEMONIC: is not set (nor is KNIT_TREASURY_MNEMONIC_FILE)\n',
    );
  });

  test('a service gets its settings and the signal', async () => {
    const stop = new AbortController();
    const seen: unknown[] = [];
    const services = {
      api: async (config: ApiConfig, signal: AbortSignal) => {
        seen.push(config.port, signal);
        return await Promise.resolve();
      },
      sandbox: async (options: { readonly services: boolean }) => {
        seen.push(options.services);
        return await Promise.resolve();
      },
      stopSignal: () => stop.signal,
    };
    expect((await runKnit(['api'], { ...API_ENV, PORT: '4000' }, { services })).exitCode).toBe(0);
    await runKnit(['sandbox'], {}, { services });
    await runKnit(['sandbox', '--no-services'], {}, { services });
    expect(seen).toEqual([4000, stop.signal, true, false]);
  });
});

describe('an error', () => {
  const serverError = (code: string, message: string): Error =>
    Object.assign(new Error(message), { code, severity: 'FATAL' });
  const refused = new AggregateError([new Error('connect ECONNREFUSED ::1:5432')], '');

  test.each([
    [new ConfigProblem('PORT: must be a whole number'), 2, 'PORT: must be a whole number'],
    [new Fault('NOT_FOUND', 'Payout not found'), 1, 'Payout not found'],
    [new Fault('UNAVAILABLE', 'Try again.'), 3, 'Try again.'],
    [new CommandFailure(4, 'not confirmed'), 4, 'not confirmed'],
    [new ChainMismatch('node 1 of 1 is of chain 5, not 1'), 2, 'is of chain 5, not 1'],
    [new ChainMismatch('has 6 decimals', 'BSC_MAINNET'), 2, 'KNIT_RPC_BSC_MAINNET or KNIT_ASSETS'],
    [new PayerMismatch('BSC_MAINNET has been paid from 0x1'), 2, 'KNIT_TREASURY_MNEMONIC: BSC_'],
    [new SealBroken(), 2, 'KNIT_MASTER_KEY: '],
    [new ConnectionLost(refused), 3, 'reached: connect ECONNREFUSED ::1:5432'],
    [new CommitUnknown(new Error('gone')), 3, 'look whether it was done'],
    [serverError('57P03', 'the database system is starting up'), 3, 'starting up'],
    [serverError('53300', 'too many clients'), 3, 'too many clients'],
    [serverError('28P01', 'password authentication failed'), 2, 'DATABASE_URL: password'],
    [serverError('3D000', 'database "x" does not exist'), 2, 'DATABASE_URL: database "x"'],
    [new Error('migration 2 failed', { cause: new ConnectionLost(refused) }), 3, 'ECONNREFUSED'],
    [new Error('a\nb\u001b[31m', { cause: new Error('c') }), 70, 'internal error: a b [31m: c'],
    ['a text', 70, 'internal error: a text'],
  ])('%s ends with its own code', (error, exitCode, text) => {
    const ending = endingOf(error);
    expect(ending.exitCode).toBe(exitCode);
    expect(ending.line).toContain(text);
    expect(ending.line).not.toMatch(/\p{Cc}/u);
  });

  test('of ours has a stack only where it is asked for', async () => {
    const services = { api: async () => await Promise.reject(new Error('broken')) };
    const silent = await runKnit(['api'], API_ENV, { services });
    expect(silent).toMatchObject({ exitCode: 70, stdout: '' });
    expect(silent.stderr).toBe('knit: internal error: broken (KNIT_LOG_LEVEL=debug shows where)\n');
    const loud = await runKnit(['api'], { ...API_ENV, KNIT_LOG_LEVEL: 'debug' }, { services });
    expect(loud.stderr).toMatch(/broken .*\nError: broken\n\s+at /);
  });
});

test('a text of a stranger cannot steer the terminal', () => {
  expect(plain('ok\u001b[2J\u009b31m\r\n')).toBe('ok?[2J?31m??');
});
