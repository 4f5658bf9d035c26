import { z } from 'zod';
import { assert, present } from '../base/assert.ts';
import { parseUnits } from '../money/amount.ts';
import { NETWORK_IDS, TOKENS, type Asset, type NetworkId, type Token } from '../money/asset.ts';
import { parseContract } from './address.ts';
import { BUILT_IN_NETWORKS, MINIMUMS, TOKEN_NAMES } from './built-in.ts';
import { familyOf, type NetworkFamily } from './family.ts';

/** A network as it is shown and reached. */
export interface NetworkInfo {
  /** A UUID that never changes. */
  readonly id: string;
  /** For people: "Polygon". */
  readonly name: string;
  /** For programs: "MATIC_MAINNET". */
  readonly identifier: NetworkId;
  readonly family: NetworkFamily;
  /** EIP-155 chain id of an EVM network; null elsewhere. */
  readonly chainId: number | null;
  /** The hash of the first block, which nodes of other networks are known by; null on EVM networks. */
  readonly genesis: string | null;
}

/** An asset with what is shown of it. */
export interface ListedAsset extends Asset {
  /** A UUID that never changes, one for each token on each network. */
  readonly id: string;
  /** For people: "Tether USD". */
  readonly name: string;
  readonly symbol: Token;
}

/** Which tokens live where. Frozen: it is read once, at the start. */
export interface AssetRegistry {
  /** All networks, enabled or not, in the order of `NETWORK_IDS`. */
  networks(): readonly NetworkInfo[];
  network(id: NetworkId): NetworkInfo;
  /** The assets of a network, in the order of `TOKENS`. */
  assets(network: NetworkId): readonly ListedAsset[];
  /** Undefined where the token does not live on the network. */
  asset(network: NetworkId, token: Token): ListedAsset | undefined;
}

/** What stands in the place of a network's built-in entry. Tokens left out do not live there. */
export interface NetworkOverride {
  readonly chainId: number | null;
  /** Left out: the main network's. */
  readonly genesis?: string;
  readonly tokens: Readonly<Partial<Record<Token, AssetOverride>>>;
}

export type AssetOverride = Pick<
  Asset,
  'contract' | 'decimals' | 'minimumUnits' | 'payoutsEnabled'
>;

export type RegistryOverrides = Readonly<Partial<Record<NetworkId, NetworkOverride>>>;

/** The built-in networks, each replaced as a whole where `overrides` names it. */
export function createRegistry(overrides: RegistryOverrides = {}): AssetRegistry {
  const problem = problemAcrossNetworks(overrides);
  assert(problem === undefined, problem ?? '');
  const networks = Object.freeze(NETWORK_IDS.map((id) => networkInfo(id, overrides)));
  const byNetwork = new Map(networks.map((info) => [info.identifier, info]));
  const assets = new Map(NETWORK_IDS.map((id) => [id, assetsOf(id, overrides)]));
  return Object.freeze({
    networks: () => networks,
    network: (id: NetworkId) => present(byNetwork.get(id), `no network ${id}`),
    assets: (network: NetworkId) => assets.get(network) ?? [],
    asset: (network: NetworkId, token: Token) =>
      assets.get(network)?.find((asset) => asset.token === token),
  });
}

function networkInfo(identifier: NetworkId, overrides: RegistryOverrides): NetworkInfo {
  const { id, name, chainId, genesis } = BUILT_IN_NETWORKS[identifier];
  const override = overrides[identifier];
  return Object.freeze({
    id,
    name,
    identifier,
    family: familyOf(identifier),
    chainId: override === undefined ? chainId : override.chainId,
    genesis: override?.genesis ?? genesis,
  });
}

function assetsOf(network: NetworkId, overrides: RegistryOverrides): readonly ListedAsset[] {
  const builtIn = BUILT_IN_NETWORKS[network].tokens;
  const entries = overrides[network]?.tokens ?? builtInTokens(network);
  const listed = TOKENS.flatMap((token): ListedAsset[] => {
    const entry = entries[token];
    if (entry === undefined) return [];
    const { id } = present(builtIn[token], `${token} cannot live on ${network}`);
    assertUsable(network, entry);
    const { contract, decimals, minimumUnits, payoutsEnabled } = entry;
    const name = TOKEN_NAMES[token];
    const values = { contract, decimals, minimumUnits, payoutsEnabled };
    return [Object.freeze({ network, token, ...values, id, name, symbol: token })];
  });
  return Object.freeze(listed);
}

function assertUsable(network: NetworkId, entry: AssetOverride): void {
  const { contract, decimals, minimumUnits } = entry;
  assert(Number.isInteger(decimals), 'decimals are whole');
  assert(decimals >= 0 && decimals <= 18, 'an asset has 0 to 18 decimals');
  assert(minimumUnits > 0n, 'a minimum is above zero');
  const parsed = contract === null ? null : parseContract(network, contract);
  const canonical = parsed?.ok === true && parsed.address === contract;
  assert(
    familyOf(network) === 'bitcoin' ? contract === null : canonical,
    `${String(contract)} is no canonical contract address on ${network}`,
  );
}

function builtInTokens(network: NetworkId): NetworkOverride['tokens'] {
  const { tokens } = BUILT_IN_NETWORKS[network];
  return Object.fromEntries(
    TOKENS.flatMap((token) => {
      const entry = tokens[token];
      if (entry === undefined) return [];
      const minimumUnits = parseUnits(MINIMUMS[token], entry.decimals);
      assert(typeof minimumUnits === 'bigint', `the minimum of ${token} is not exact`);
      return [[token, { ...entry, minimumUnits }]];
    }),
  );
}

/** The registry file cannot be used. The message is one line that names the path in the file. */
export class AssetsFileProblem extends Error {
  override readonly name = 'AssetsFileProblem';
}

/**
 * Reads the JSON of a registry file, for test networks and local chains:
 *
 *     {"MATIC_MAINNET": {"chainId": 31337, "tokens": {"USDT":
 *       {"address": "0x…", "decimals": 6, "minimum": "0.01", "payoutsEnabled": true}}}}
 *
 * A network that the file names replaces its built-in entry as a whole; others stay. `chainId` is
 * for EVM networks only. On the others `genesis`, the hash of the first block, stands in its place; where it
 * is left out, nodes have to be of the main network. BTC has no `address`. `minimum` is a decimal string in whole tokens, the
 * built-in minimum where it is left out. Throws {@link AssetsFileProblem}.
 */
export function parseAssetsFile(text: string): RegistryOverrides {
  const parsed = FILE.safeParse(readJson(text));
  if (!parsed.success) {
    const lines = parsed.error.issues.map((issue) => `${pathOf(issue.path)}${issue.message}`);
    throw new AssetsFileProblem(lines.join('; ').replaceAll(/\s+/g, ' '));
  }
  const problem = problemAcrossNetworks(parsed.data);
  if (problem !== undefined) throw new AssetsFileProblem(problem);
  return parsed.data;
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new AssetsFileProblem('the file is not JSON');
  }
}

function pathOf(path: readonly PropertyKey[]): string {
  return path.length === 0 ? '' : `${path.map(String).join('.')}: `;
}

/** On chains with one id a transaction signed for one is valid on the other: money paid twice. */
function problemAcrossNetworks(overrides: RegistryOverrides): string | undefined {
  const seen = new Map<number, NetworkId>();
  for (const network of NETWORK_IDS) {
    const { chainId } = overrides[network] ?? BUILT_IN_NETWORKS[network];
    if ((chainId !== null) !== (familyOf(network) === 'evm')) {
      return `${network}.chainId: only an EVM network has a chain id, and each has one`;
    }
    if (chainId === null) continue;
    const other = seen.get(chainId);
    if (other !== undefined) {
      return `${network}.chainId: ${chainId} is the chain id of ${other} already`;
    }
    seen.set(chainId, network);
  }
  return undefined;
}

const FILE = z.strictObject({
  BITCOIN_MAINNET: networkEntry('BITCOIN_MAINNET').exactOptional(),
  ETHEREUM_MAINNET: networkEntry('ETHEREUM_MAINNET').exactOptional(),
  MATIC_MAINNET: networkEntry('MATIC_MAINNET').exactOptional(),
  TRON_MAINNET: networkEntry('TRON_MAINNET').exactOptional(),
  BSC_MAINNET: networkEntry('BSC_MAINNET').exactOptional(),
  SOL_MAINNET: networkEntry('SOL_MAINNET').exactOptional(),
});

function networkEntry(network: NetworkId): z.ZodType<NetworkOverride> {
  if (familyOf(network) === 'evm') {
    return z.strictObject({ chainId: z.int().positive(), tokens: tokensEntry(network) });
  }
  return z
    .strictObject({ genesis: genesisEntry(network).exactOptional(), tokens: tokensEntry(network) })
    .transform((entry) => ({ chainId: null, ...entry }));
}

/** As the chain's nodes write it: base58 on Solana, elsewhere 32 bytes in hexadecimal. */
function genesisEntry(network: NetworkId): z.ZodType<string> {
  return familyOf(network) === 'solana'
    ? z.string().regex(/^[1-9A-HJ-NP-Za-km-z]{32,44}$/, 'not a blockhash in base58')
    : z.string().regex(/^[0-9a-f]{64}$/, 'not 64 hexadecimal digits in lower case');
}

function tokensEntry(network: NetworkId): z.ZodType<NetworkOverride['tokens']> {
  if (familyOf(network) === 'bitcoin') {
    // Nothing on the chain says how many satoshis a bitcoin has, so no other figure is taken.
    return z
      .strictObject({ BTC: assetEntry('BTC', z.null().default(null)) })
      .refine(({ BTC }) => BTC.decimals === 8, {
        path: ['BTC', 'decimals'],
        message: 'BTC has 8 decimals',
      });
  }
  const contract = contractEntry(network);
  return z
    .strictObject({
      USDT: assetEntry('USDT', contract).exactOptional(),
      USDC: assetEntry('USDC', contract).exactOptional(),
    })
    .refine((tokens) => Object.keys(tokens).length > 0, 'at least one token is needed')
    .refine(
      ({ USDT, USDC }) => USDT === undefined || USDC === undefined || !sameContract(USDT, USDC),
      'USDT and USDC cannot have one address',
    );
}

function contractEntry(network: NetworkId): z.ZodType<string> {
  return z.string().transform((text, context) => {
    const parsed = parseContract(network, text);
    if (parsed.ok) return parsed.address;
    context.addIssue(parsed.reason);
    return z.NEVER;
  });
}

function assetEntry(token: Token, address: z.ZodType<string | null>): z.ZodType<AssetOverride> {
  return z
    .strictObject({
      address,
      decimals: z.int().min(0).max(18),
      minimum: z.string().default(MINIMUMS[token]),
      payoutsEnabled: z.boolean().default(true),
    })
    .transform(({ address, decimals, minimum, payoutsEnabled }, context) => {
      const minimumUnits = parseUnits(minimum, decimals);
      if (typeof minimumUnits === 'bigint' && minimumUnits > 0n) {
        return { contract: address, decimals, minimumUnits, payoutsEnabled };
      }
      const message = `${minimum} is no amount above zero with ${decimals} decimals`;
      context.addIssue({ code: 'custom', path: ['minimum'], message });
      return z.NEVER;
    });
}

/** Contracts are in canonical form here, so equal texts are equal accounts. */
function sameContract(a: AssetOverride, b: AssetOverride): boolean {
  return a.contract === b.contract;
}
