import type { FieldErrors } from '../base/fault.ts';
import { formatUnits, parseUnits, toLedgerUnits } from '../money/amount.ts';
import {
  isNetworkId,
  isToken,
  TOKENS,
  type Asset,
  type NetworkId,
  type Token,
} from '../money/asset.ts';
import { addressProblem, sameAddress } from '../networks/address.ts';

/**
 * The fields of a request whose shape was found right; a field whose shape was wrong is missing
 * here and has been reported already. `amount` is the number as it was written.
 */
export interface PayoutFields {
  readonly network?: string | undefined;
  readonly token?: string | undefined;
  readonly amount?: string | undefined;
  readonly toAddress?: string | undefined;
  readonly merchantReference?: string | null | undefined;
}

/** What the meaning of a request depends on. */
export interface PayoutRules {
  readonly enabledNetworks: readonly NetworkId[];
  readonly assetOf: (network: NetworkId, token: Token) => Asset | undefined;
  /** Whether the address is one of the platform's own wallets on that network. */
  readonly isOwnWallet: (network: NetworkId, address: string) => Promise<boolean>;
}

export interface PayoutRequest {
  readonly network: NetworkId;
  readonly token: Token;
  /** Ledger units: 10^-18 of the token. */
  readonly units: bigint;
  readonly toAddress: string;
  readonly merchantReference: string | null;
}

/**
 * Checks what the fields mean together: the asset, the exact amount, the recipient. Says everything
 * that is wrong, by field. `request` is there where every field is present and right.
 */
export async function checkPayoutRequest(
  fields: PayoutFields,
  rules: PayoutRules,
): Promise<{ readonly request?: PayoutRequest; readonly errors: FieldErrors }> {
  const errors: Record<string, string[]> = {};
  const network = readNetwork(fields.network, rules, errors);
  const asset = readAsset({ network, token: fields.token }, rules, errors);
  const units = readAmount(fields.amount, asset, errors);
  const toAddress = await readRecipient({ network, text: fields.toAddress }, rules, errors);
  if (asset === undefined || units === undefined || toAddress === undefined) return { errors };
  if (Object.keys(errors).length > 0) return { errors };
  const request: PayoutRequest = {
    network: asset.network,
    token: asset.token,
    units: toLedgerUnits(units, asset.decimals),
    toAddress,
    merchantReference: fields.merchantReference ?? null,
  };
  return { request, errors };
}

type Errors = Record<string, string[]>;

function readNetwork(
  text: string | undefined,
  rules: PayoutRules,
  errors: Errors,
): NetworkId | undefined {
  if (text === undefined) return undefined;
  if (isNetworkId(text) && rules.enabledNetworks.includes(text)) return text;
  errors['network'] = ['The selected network is invalid.'];
  return undefined;
}

function readAsset(
  fields: { network: NetworkId | undefined; token: string | undefined },
  rules: PayoutRules,
  errors: Errors,
): Asset | undefined {
  const { network, token } = fields;
  if (token === undefined) return undefined;
  if (!isToken(token)) {
    errors['token'] = ['The selected token is invalid.'];
    return undefined;
  }
  if (network === undefined) return undefined;
  const asset = rules.assetOf(network, token);
  if (asset?.payoutsEnabled === true) return asset;
  errors['token'] = [`The selected token is not available on ${network}.`];
  return undefined;
}

/** No token has so many, and twenty with 18 decimals fit every column and word that an amount meets. */
const MAX_WHOLE_DIGITS = 20;

/** Without an asset only what holds for every asset is said of the amount. */
function readAmount(
  text: string | undefined,
  asset: Asset | undefined,
  errors: Errors,
): bigint | undefined {
  if (text === undefined) return undefined;
  const decimals = asset?.decimals ?? 18;
  const units = parseUnits(text, decimals);
  if (units === 'NOT_A_NUMBER') {
    errors['amount'] = ['The amount field must be a number.'];
  } else if (units === 'TOO_MANY_DECIMALS') {
    errors['amount'] = [`The amount field must have no more than ${decimals} decimal places.`];
  } else if (units === 'TOO_LARGE' || units >= 10n ** BigInt(MAX_WHOLE_DIGITS + decimals)) {
    errors['amount'] = ['The amount field is too large.'];
  } else if (units < (asset?.minimumUnits ?? 1n)) {
    const minimum = asset === undefined ? '0' : formatUnits(asset.minimumUnits, decimals);
    const words = asset === undefined ? 'greater than' : 'at least';
    errors['amount'] = [`The amount field must be ${words} ${minimum}.`];
  } else {
    return units;
  }
  return undefined;
}

async function readRecipient(
  fields: { network: NetworkId | undefined; text: string | undefined },
  rules: PayoutRules,
  errors: Errors,
): Promise<string | undefined> {
  const { network, text } = fields;
  if (network === undefined || text === undefined) return undefined;
  const problem = addressProblem(network, text) ?? (await refusedRecipient(network, text, rules));
  if (problem === undefined) return text;
  errors['toAddress'] = [problem];
  return undefined;
}

/** Addresses of the right form that money must not be sent to. */
async function refusedRecipient(
  network: NetworkId,
  address: string,
  rules: PayoutRules,
): Promise<string | undefined> {
  for (const token of TOKENS) {
    const contract = rules.assetOf(network, token)?.contract ?? null;
    if (contract !== null && sameAddress(network, contract, address)) {
      return "The to address is a token's contract, not a recipient.";
    }
  }
  if (await rules.isOwnWallet(network, address)) {
    return "The to address is one of the platform's own wallets.";
  }
  return undefined;
}
