import { describe, expect, test } from 'vitest';
import { AssertionFailure } from '../base/assert.ts';
import { isUuid } from '../base/id.ts';
import { NETWORK_IDS, TOKENS, type NetworkId, type Token } from '../money/asset.ts';
import { parseContract } from './address.ts';
import { AssetsFileProblem, createRegistry, parseAssetsFile } from './registry.ts';

const EVM_TOKEN = '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed';
const OTHER_EVM_TOKEN = '0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359';
const SOLANA_DERIVED_MINT = 'BwqrghZA2htAcqq8dzP1WDAhTXYTYWj7CHxF5j7TDBAe';

describe('createRegistry', () => {
  const registry = createRegistry();

  test.each<[NetworkId, string, number | null]>([
    ['BITCOIN_MAINNET', 'bitcoin', null],
    ['ETHEREUM_MAINNET', 'evm', 1],
    ['MATIC_MAINNET', 'evm', 137],
    ['TRON_MAINNET', 'tron', null],
    ['BSC_MAINNET', 'evm', 56],
    ['SOL_MAINNET', 'solana', null],
  ])('%s is of the family %s with the chain id %s', (identifier, family, chainId) => {
    expect(registry.network(identifier)).toMatchObject({ identifier, family, chainId });
  });

  test.each<[NetworkId, Token, number, bigint, boolean]>([
    ['BITCOIN_MAINNET', 'BTC', 8, 1_000n, true],
    ['ETHEREUM_MAINNET', 'USDT', 6, 10_000n, true],
    ['ETHEREUM_MAINNET', 'USDC', 6, 10_000n, true],
    ['MATIC_MAINNET', 'USDT', 6, 10_000n, true],
    ['MATIC_MAINNET', 'USDC', 6, 10_000n, true],
    ['TRON_MAINNET', 'USDT', 6, 10_000n, true],
    ['TRON_MAINNET', 'USDC', 6, 10_000n, false],
    ['BSC_MAINNET', 'USDT', 18, 10_000_000_000_000_000n, true],
    ['BSC_MAINNET', 'USDC', 18, 10_000_000_000_000_000n, true],
    ['SOL_MAINNET', 'USDT', 6, 10_000n, true],
    ['SOL_MAINNET', 'USDC', 6, 10_000n, true],
  ])('%s %s has %i decimals, minimum %i units', (network, token, ...expected) => {
    const [decimals, minimumUnits, payoutsEnabled] = expected;
    expect(registry.asset(network, token)).toMatchObject({
      network,
      token,
      symbol: token,
      decimals,
      minimumUnits,
      payoutsEnabled,
    });
  });

  test('lists eleven assets and no other', () => {
    const listed = registry.networks().flatMap(({ identifier }) => registry.assets(identifier));
    expect(listed).toHaveLength(11);
    const found = NETWORK_IDS.flatMap((network) =>
      TOKENS.flatMap((token) => registry.asset(network, token) ?? []),
    );
    expect(found).toEqual(listed);
    expect(registry.asset('BITCOIN_MAINNET', 'USDT')).toBeUndefined();
    expect(registry.asset('MATIC_MAINNET', 'BTC')).toBeUndefined();
  });

  test('holds contracts in canonical form', () => {
    for (const { identifier } of registry.networks()) {
      for (const { contract } of registry.assets(identifier)) {
        if (identifier === 'BITCOIN_MAINNET') expect(contract).toBeNull();
        else expect(parseContract(identifier, contract ?? '')).toMatchObject({ address: contract });
      }
    }
  });

  test('gives every network and asset an id of its own', () => {
    const ids = registry
      .networks()
      .flatMap(({ id, identifier }) => [id, ...registry.assets(identifier).map(({ id }) => id)]);
    expect(ids).toHaveLength(17);
    expect(new Set(ids).size).toBe(17);
    expect(ids.every((id) => isUuid(id) && id.charAt(14) === '7')).toBe(true);
  });

  // Merchants may store these, so they are repeated here rather than read from the source.
  test('keeps the ids that it has published', () => {
    expect(registry.network('MATIC_MAINNET').id).toBe('01a20515-d2ce-7c26-95b9-11d40b270a47');
    expect(registry.asset('MATIC_MAINNET', 'USDT')?.id).toBe(
      '01a20515-d2ce-75ae-843f-6d3ef7b3e0c9',
    );
  });

  test('cannot be changed', () => {
    const asset = registry.asset('MATIC_MAINNET', 'USDT');
    for (const part of [
      registry,
      registry.networks(),
      registry.network('MATIC_MAINNET'),
      registry.assets('MATIC_MAINNET'),
      asset,
    ]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
  });

  test('refuses an override that no file could hold', () => {
    const entry = {
      contract: EVM_TOKEN,
      decimals: 6,
      minimumUnits: 1n,
      payoutsEnabled: true,
    };
    const withEntry = (changes: object) => () =>
      createRegistry({
        MATIC_MAINNET: { chainId: 31337, tokens: { USDT: { ...entry, ...changes } } },
      });
    expect(withEntry({})().asset('MATIC_MAINNET', 'USDT')).toMatchObject(entry);
    expect(withEntry({ decimals: 19 })).toThrow(AssertionFailure);
    expect(withEntry({ decimals: 1.5 })).toThrow(AssertionFailure);
    expect(withEntry({ minimumUnits: 0n })).toThrow(AssertionFailure);
    expect(withEntry({ contract: null })).toThrow(AssertionFailure);
    expect(withEntry({ contract: EVM_TOKEN.toLowerCase() })).toThrow(AssertionFailure);
    const tokens = { BTC: entry };
    expect(() => createRegistry({ MATIC_MAINNET: { chainId: 31337, tokens } })).toThrow(
      'BTC cannot live on MATIC_MAINNET',
    );
    expect(() => createRegistry({ MATIC_MAINNET: { chainId: null, tokens: {} } })).toThrow(
      AssertionFailure,
    );
    expect(() => createRegistry({ SOL_MAINNET: { chainId: 1, tokens: {} } })).toThrow(
      AssertionFailure,
    );
  });
});

describe('parseAssetsFile', () => {
  test('replaces the networks that it names as a whole and leaves the others', () => {
    const registry = createRegistry(
      parseAssetsFile(
        JSON.stringify({
          MATIC_MAINNET: {
            chainId: 31337,
            tokens: { USDT: { address: EVM_TOKEN.toLowerCase(), decimals: 18 } },
          },
          SOL_MAINNET: {
            tokens: {
              USDC: {
                address: SOLANA_DERIVED_MINT,
                decimals: 9,
                minimum: '0.5',
                payoutsEnabled: false,
              },
            },
          },
          BITCOIN_MAINNET: { tokens: { BTC: { decimals: 8, minimum: '0.001' } } },
        }),
      ),
    );
    expect(registry.network('MATIC_MAINNET')).toMatchObject({ name: 'Polygon', chainId: 31337 });
    expect(registry.assets('MATIC_MAINNET')).toEqual([
      {
        id: createRegistry().asset('MATIC_MAINNET', 'USDT')?.id,
        network: 'MATIC_MAINNET',
        token: 'USDT',
        name: 'Tether USD',
        symbol: 'USDT',
        contract: EVM_TOKEN,
        decimals: 18,
        payoutsEnabled: true,
        minimumUnits: 10_000_000_000_000_000n,
      },
    ]);
    expect(registry.assets('SOL_MAINNET')).toMatchObject([
      { contract: SOLANA_DERIVED_MINT, minimumUnits: 500_000_000n, payoutsEnabled: false },
    ]);
    expect(registry.assets('BITCOIN_MAINNET')).toMatchObject([
      { contract: null, minimumUnits: 100_000n },
    ]);
    for (const network of ['ETHEREUM_MAINNET', 'BSC_MAINNET', 'TRON_MAINNET'] as const) {
      expect(registry.network(network)).toEqual(createRegistry().network(network));
      expect(registry.assets(network)).toEqual(createRegistry().assets(network));
    }
  });

  test('knows the main networks by their first block, and others by what the file says', () => {
    const genesis = 'ab'.repeat(32);
    const tokens = { BTC: { decimals: 8 } };
    const registry = createRegistry(
      parseAssetsFile(JSON.stringify({ BITCOIN_MAINNET: { genesis, tokens } })),
    );
    expect(registry.network('BITCOIN_MAINNET').genesis).toBe(genesis);
    expect(registry.network('SOL_MAINNET').genesis).toBe(
      '5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d',
    );
    expect(registry.network('MATIC_MAINNET').genesis).toBeNull();
    const silent = createRegistry(parseAssetsFile(JSON.stringify({ BITCOIN_MAINNET: { tokens } })));
    expect(silent.network('BITCOIN_MAINNET').genesis).toMatch(/^000000000019d6689c/);
  });

  test('takes an empty file as no change', () => {
    expect(parseAssetsFile('{}')).toEqual({});
  });

  const usdt = { address: EVM_TOKEN, decimals: 6 };
  const matic = (tokens: object, chainId: unknown = 31337) => ({
    MATIC_MAINNET: { chainId, tokens },
  });
  const solana = (token: object) => ({ SOL_MAINNET: { tokens: { USDC: token } } });

  test.each<[string, unknown]>([
    ['expected object', []],
    ['expected object', null],
    ['"POLYGON"', { POLYGON: {} }],
    ['MATIC_MAINNET: ', { MATIC_MAINNET: 5 }],
    ['MATIC_MAINNET.chainId: ', { MATIC_MAINNET: { tokens: { USDT: usdt } } }],
    ['MATIC_MAINNET.chainId: ', matic({ USDT: usdt }, '31337')],
    ['MATIC_MAINNET.chainId: ', matic({ USDT: usdt }, 0)],
    ['MATIC_MAINNET.chainId: ', matic({ USDT: usdt }, 2 ** 60)],
    ['MATIC_MAINNET.chainId: 1 is the chain id of ETHEREUM_MAINNET', matic({ USDT: usdt }, 1)],
    [
      'MATIC_MAINNET: Unrecognized key: "rpc"',
      { MATIC_MAINNET: { chainId: 9, tokens: { USDT: usdt }, rpc: 'x' } },
    ],
    ['MATIC_MAINNET.tokens: ', matic([])],
    ['MATIC_MAINNET.tokens: at least one token', matic({})],
    ['MATIC_MAINNET.tokens: Unrecognized key: "BTC"', matic({ BTC: usdt })],
    ['MATIC_MAINNET.tokens: USDT and USDC', matic({ USDT: usdt, USDC: usdt })],
    ['MATIC_MAINNET.tokens.USDT.address: ', matic({ USDT: { decimals: 6 } })],
    ['MATIC_MAINNET.tokens.USDT.address: ', matic({ USDT: { ...usdt, address: null } })],
    ['MATIC_MAINNET.tokens.USDT.address: ', matic({ USDT: { ...usdt, address: 'TR7N' } })],
    ['MATIC_MAINNET.tokens.USDT.decimals: ', matic({ USDT: { address: EVM_TOKEN } })],
    ['MATIC_MAINNET.tokens.USDT.decimals: ', matic({ USDT: { ...usdt, decimals: 19 } })],
    ['MATIC_MAINNET.tokens.USDT.decimals: ', matic({ USDT: { ...usdt, decimals: -1 } })],
    ['MATIC_MAINNET.tokens.USDT.decimals: ', matic({ USDT: { ...usdt, decimals: 6.5 } })],
    ['MATIC_MAINNET.tokens.USDT.decimals: ', matic({ USDT: { ...usdt, decimals: '6' } })],
    ['MATIC_MAINNET.tokens.USDT.minimum: ', matic({ USDT: { ...usdt, minimum: 0.01 } })],
    ['MATIC_MAINNET.tokens.USDT.minimum: ', matic({ USDT: { ...usdt, minimum: '0' } })],
    ['MATIC_MAINNET.tokens.USDT.minimum: ', matic({ USDT: { ...usdt, minimum: '-1' } })],
    ['MATIC_MAINNET.tokens.USDT.minimum: ', matic({ USDT: { ...usdt, minimum: 'one' } })],
    ['MATIC_MAINNET.tokens.USDT.minimum: ', matic({ USDT: { ...usdt, minimum: '0.0000001' } })],
    ['MATIC_MAINNET.tokens.USDT.minimum: ', matic({ USDT: { ...usdt, decimals: 1 } })],
    ['MATIC_MAINNET.tokens.USDT.payoutsEnabled: ', matic({ USDT: { ...usdt, payoutsEnabled: 1 } })],
    ['MATIC_MAINNET.tokens.USDT: Unrecognized key: "symbol"', matic({ USDT: { symbol: 'x' } })],
    ['SOL_MAINNET.tokens.USDC.address: ', solana(usdt)],
    [
      'SOL_MAINNET.tokens.USDC.address: ',
      solana({ ...usdt, address: 'TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA' }),
    ],
    ['TRON_MAINNET: Unrecognized key: "chainId"', { TRON_MAINNET: { chainId: 1, tokens: {} } }],
    ['TRON_MAINNET.genesis: ', { TRON_MAINNET: { genesis: '0x00', tokens: { USDT: usdt } } }],
    ['SOL_MAINNET.genesis: ', { SOL_MAINNET: { genesis: 'O0', tokens: { USDT: usdt } } }],
    [
      'MATIC_MAINNET: Unrecognized key: "genesis"',
      { MATIC_MAINNET: { chainId: 9, genesis: 'ab'.repeat(32), tokens: { USDT: usdt } } },
    ],
    ['BITCOIN_MAINNET.tokens.BTC: ', { BITCOIN_MAINNET: { tokens: {} } }],
    [
      'BITCOIN_MAINNET.tokens.BTC.decimals: ',
      { BITCOIN_MAINNET: { tokens: { BTC: { decimals: 18 } } } },
    ],
    [
      'BITCOIN_MAINNET.tokens.BTC.address: ',
      { BITCOIN_MAINNET: { tokens: { BTC: { decimals: 8, address: EVM_TOKEN } } } },
    ],
    [
      'ETHEREUM_MAINNET.tokens.USDC.address: ',
      { ETHEREUM_MAINNET: { chainId: 5, tokens: { USDC: { ...usdt, address: '0X' } } } },
    ],
  ])('names the path: %s', (expected, file) => {
    const message = problemOf(JSON.stringify(file));
    expect(message).toContain(expected);
    expect(message).not.toContain('\n');
  });

  test('compares the chain ids of the networks in the file, too', () => {
    const network = (address: string) => ({
      chainId: 31337,
      tokens: { USDT: { address, decimals: 6 } },
    });
    const file = { MATIC_MAINNET: network(EVM_TOKEN), BSC_MAINNET: network(OTHER_EVM_TOKEN) };
    expect(problemOf(JSON.stringify(file))).toBe(
      'BSC_MAINNET.chainId: 31337 is the chain id of MATIC_MAINNET already',
    );
  });

  test.each(['', 'no JSON', '{', '{"MATIC_MAINNET": 0x1}'])('refuses %j', (text) => {
    expect(problemOf(text)).toBe('the file is not JSON');
  });

  test('keeps a key with a line feed in one line', () => {
    expect(problemOf('{"a\\nb":1}')).not.toContain('\n');
  });
});

function problemOf(text: string): string {
  try {
    parseAssetsFile(text);
  } catch (error) {
    if (error instanceof AssetsFileProblem) return error.message;
    throw error;
  }
  throw new Error('the file was taken');
}
