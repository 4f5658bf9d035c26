import type { GenesisAccount, GenesisToken, TronGenesis } from './genesis.ts';

/**
 * The genesis as JSON: as {@link TronGenesis}, with amounts as strings of digits. Throws with the place
 * of the first thing that is wrong.
 */
export function readConfig(text: string): TronGenesis {
  const config = object(JSON.parse(text), 'the configuration');
  return {
    accounts: list(config['accounts'], 'accounts').map(readAccount),
    tokens: list(config['tokens'], 'tokens').map(readToken),
    parameters: Object.fromEntries(
      Object.entries(object(config['parameters'] ?? {}, 'parameters')).map(([name, value]) => [
        name,
        number(value, `parameters.${name}`),
      ]),
    ),
  };
}

/** A string of digits, or a number that JSON holds exactly. */
export function readUnits(value: unknown, place: string): bigint {
  if (typeof value === 'string' && /^\d{1,40}$/.test(value)) return BigInt(value);
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return BigInt(value);
  throw new Error(`${place} is not an amount`);
}

function readAccount(value: unknown, index: number): GenesisAccount {
  const place = `accounts[${index}]`;
  const account = object(value, place);
  const { energyLimit = 0, bandwidthLimit = 0 } = account;
  return {
    address: string(account['address'], `${place}.address`),
    sun: readUnits(account['sun'], `${place}.sun`),
    energyLimit: number(energyLimit, `${place}.energyLimit`),
    bandwidthLimit: number(bandwidthLimit, `${place}.bandwidthLimit`),
  };
}

function readToken(value: unknown, index: number): GenesisToken {
  const place = `tokens[${index}]`;
  const token = object(value, place);
  const { symbol, decimals = 6 } = token;
  if (symbol !== 'USDT' && symbol !== 'USDC') throw new Error(`${place}.symbol is unknown`);
  return {
    symbol,
    decimals: number(decimals, `${place}.decimals`),
    holders: list(token['holders'], `${place}.holders`).map((each, at) => {
      const holder = object(each, `${place}.holders[${at}]`);
      return {
        address: string(holder['address'], `${place}.holders[${at}].address`),
        units: readUnits(holder['units'], `${place}.holders[${at}].units`),
      };
    }),
  };
}

function object(value: unknown, place: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Readonly<Record<string, unknown>>;
  }
  throw new Error(`${place} is not an object`);
}

/** Empty where it is left out. */
function list(value: unknown, place: string): readonly unknown[] {
  if (value === undefined) return [];
  if (Array.isArray(value)) return value;
  throw new Error(`${place} is not a list`);
}

function string(value: unknown, place: string): string {
  if (typeof value === 'string') return value;
  throw new Error(`${place} is not a string`);
}

function number(value: unknown, place: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
  throw new Error(`${place} is not a whole number`);
}
