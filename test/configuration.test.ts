import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../src/base/clock.ts';
import { createIdSource } from '../src/base/id.ts';
import { systemRandom } from '../src/base/random.ts';
import { EXIT } from '../src/commands/exit-code.ts';
import { createProgram } from '../src/commands/run-program.ts';
import {
  readApiConfig,
  readDatabaseConfig,
  readMasterKey,
  readNetworkConfig,
  readPrivateTargets,
  readSandboxConfig,
  readWorkerConfig,
  type Environment,
} from '../src/config.ts';
import { NETWORK_IDS } from '../src/money/asset.ts';
import { fakeTerminal } from './harness/fake-terminal.ts';
import { noServices } from './harness/run-knit.ts';

const document = readFileSync(new URL('../docs/configuration.md', import.meta.url), 'utf8');

/** The rows of the tables whose first heading is `heading`, each as its cells. */
function rowsUnder(heading: string): string[][] {
  const lines = document.split('\n').map((line) => (line.startsWith('|') ? cells(line) : []));
  const rows: string[][] = [];
  let isInside = false;
  for (const row of lines) {
    if (row.length === 0) isInside = false;
    else if (isInside && !/^-+$/.test(row[0] ?? '')) rows.push(row);
    else if (row[0] === heading) isInside = true;
  }
  return rows;
}

function cells(line: string): string[] {
  return line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());
}

/** The settings that a reader asks for, RPC URLs under their common name. */
function namesRead(read: (env: Environment) => unknown): string[] {
  const names = new Set<string>();
  const values: Environment = {
    DATABASE_URL: 'postgres://db/knit',
    KNIT_MASTER_KEY: 'ab'.repeat(32),
    KNIT_TREASURY_MNEMONIC: 'words',
    ...Object.fromEntries(NETWORK_IDS.map((id) => [`KNIT_RPC_${id}`, 'http://node'])),
  };
  read(
    new Proxy(values, {
      get: (env, name) => {
        const common = String(name).replace(/^KNIT_RPC_[A-Z]+_MAINNET/, 'KNIT_RPC_<NETWORK>');
        if (!common.endsWith('_FILE') || common === 'KNIT_ASSETS_FILE') names.add(common);
        return Reflect.get(env, name) as unknown;
      },
    }),
  );
  return [...names].sort();
}

describe('docs/configuration.md', () => {
  const settings = rowsUnder('setting').map(([name = '', readers = '']) => ({
    name: name.replaceAll('`', ''),
    readers: readers.split(', '),
  }));

  test.each([
    ['api', readApiConfig],
    ['worker', readWorkerConfig],
    ['sandbox', readSandboxConfig],
    [
      'cli',
      (env: Environment) => [
        readDatabaseConfig(env),
        readNetworkConfig(env),
        readMasterKey(env),
        readPrivateTargets(env),
      ],
    ],
  ])('has exactly the settings that %s reads', (reader, read) => {
    const documented = settings.filter(({ readers }) => readers.includes(reader));
    expect(documented.map(({ name }) => name).sort()).toEqual(namesRead(read));
  });

  test('has every name in the text of the only reader, once', () => {
    const source = readFileSync(new URL('../src/config.ts', import.meta.url), 'utf8');
    const quoted = [...source.matchAll(/['`](DATABASE_URL|PORT|KNIT_[A-Z_]+(?:\$\{\w+\})?)['`]/g)];
    const names = quoted.map(([, name = '']) => name.replace(/\$\{\w+\}/, '<NETWORK>'));
    expect(settings.map(({ name }) => name).sort()).toEqual([...new Set(names)].sort());
  });

  test('has every command', () => {
    const deps = {
      terminal: fakeTerminal({}),
      clock: systemClock,
      random: systemRandom,
      ids: createIdSource(systemClock, systemRandom),
    };
    const documented = rowsUnder('command').map(([name = '']) => name.replaceAll('`', ''));
    expect(documented.sort()).toEqual(leavesOf(createProgram(deps, noServices), 'knit').sort());
  });

  test('has every exit code', () => {
    const documented = rowsUnder('code').map(([code]) => Number(code));
    expect(documented).toEqual(Object.values(EXIT));
  });
});

function leavesOf(command: Command, name: string): string[] {
  if (command.commands.length === 0) return [name];
  return command.commands.flatMap((child) => leavesOf(child, `${name} ${child.name()}`));
}
