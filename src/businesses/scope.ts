import { validationFault } from '../base/fault.ts';

/** What a credential may do. "*" is everything; a write scope includes its read scope. */
export const SCOPES = [
  'payouts:read',
  'payouts:write',
  'payout-wallets:read',
  'payout-wallets:write',
  '*',
] as const;
export type Scope = (typeof SCOPES)[number];

/** A scope that an operation can require: all but "*". */
export type RequiredScope = Exclude<Scope, '*'>;

const INCLUDED: Readonly<Record<Scope, readonly Scope[]>> = {
  'payouts:read': ['payouts:read'],
  'payouts:write': ['payouts:write', 'payouts:read'],
  'payout-wallets:read': ['payout-wallets:read'],
  'payout-wallets:write': ['payout-wallets:write', 'payout-wallets:read'],
  '*': SCOPES,
};

/** Whether holding `scopes` is enough for `wanted`. Only "*" is enough for "*". */
export function allows(scopes: readonly Scope[], wanted: Scope): boolean {
  return scopes.some((scope) => INCLUDED[scope].includes(wanted));
}

export function isScope(text: string): text is Scope {
  return (SCOPES as readonly string[]).includes(text);
}

/** The known scopes among stored texts, each once. A text that is no scope gives no right. */
export function readScopes(texts: readonly string[]): Scope[] {
  return [...new Set(texts)].filter(isScope);
}

/** The scopes for a new credential, each once. Throws VALIDATION_FAILED where none is left to give. */
export function checkScopes(texts: readonly string[]): Scope[] {
  const unknown = texts.filter((text) => !isScope(text));
  if (unknown.length > 0) {
    throw validationFault({ scopes: unknown.map((text) => `There is no scope "${text}".`) });
  }
  if (texts.length === 0) throw validationFault({ scopes: ['At least one scope is required.'] });
  return readScopes(texts);
}
