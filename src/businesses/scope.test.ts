import { expect, test } from 'vitest';
import { Fault } from '../base/fault.ts';
import { SCOPES, allows, checkScopes, readScopes, type Scope } from './scope.ts';

const GIVES: Record<Scope, readonly Scope[]> = {
  'payouts:read': ['payouts:read'],
  'payouts:write': ['payouts:read', 'payouts:write'],
  'payout-wallets:read': ['payout-wallets:read'],
  'payout-wallets:write': ['payout-wallets:read', 'payout-wallets:write'],
  '*': ['payouts:read', 'payouts:write', 'payout-wallets:read', 'payout-wallets:write', '*'],
};

test.each(SCOPES.flatMap((held) => SCOPES.map((wanted) => [held, wanted] as const)))(
  '%s, where %s is wanted',
  (held, wanted) => {
    expect(allows([held], wanted)).toBe(GIVES[held].includes(wanted));
  },
);

test('no scope allows nothing; of several, one is enough; all four are not "*"', () => {
  expect(allows([], 'payouts:read')).toBe(false);
  expect(allows(['payout-wallets:read', 'payouts:write'], 'payouts:read')).toBe(true);
  expect(allows(SCOPES.slice(0, 4), '*')).toBe(false);
});

test('stored texts that are no scopes give no right', () => {
  expect(readScopes(['payouts:read', 'payouts', 'toString', '', 'payouts:read'])).toEqual([
    'payouts:read',
  ]);
});

test('new scopes are checked', () => {
  expect(checkScopes(['*', '*'])).toEqual(['*']);
  expect(() => checkScopes([])).toThrow(Fault);
  expect(() => checkScopes(['payouts:read', 'payouts:*'])).toThrow(
    'There is no scope "payouts:*".',
  );
});
