import { assert, present } from '../../base/assert.ts';
import { systemClock, type Clock } from '../../base/clock.ts';
import type { Signer } from '../signer.ts';
import { evmAddressOfPublicKey } from './address-of-public-key.ts';
import type { TreasuryPlace } from './batch.ts';
import type { EvmNetworkId } from './evm-network.ts';
import { FEE_POLICIES, type FeePolicy } from './fees.ts';
import { connectNodes, type EvmConnection, type EvmPool } from './nodes.ts';
import type { Hex } from './read-answer.ts';
import { lowerAddress } from './token.ts';

/** Who pays on an EVM network, and by which rules. */
export interface PayerOptions extends EvmConnection {
  readonly network: EvmNetworkId;
  /** Of the treasury, on secp256k1: signs batches, and the transactions of the treasury's own account. */
  readonly signer: Signer;
  /** Of the gas accounts, at least one, none of them the treasury's: each signs its own transactions. */
  readonly gasSigners: readonly Signer[];
  /** Default: the system's. Block times are doubted by it. */
  readonly clock?: Clock;
  /** Default: the network's own, from {@link FEE_POLICIES}. */
  readonly feePolicy?: FeePolicy;
  /** How long after the newest block a batch may run. Default: the network's own. */
  readonly lifetimeSeconds?: bigint;
}

/** An account with its key. */
export interface SigningAccount {
  /** EIP-55. */
  readonly address: string;
  /** The same in lower case. */
  readonly sender: Hex;
  readonly signer: Signer;
}

/** What inspecting, signing and upkeep share. */
export interface Payer {
  readonly network: EvmNetworkId;
  readonly pool: EvmPool;
  readonly policy: FeePolicy;
  readonly clock: Clock;
  readonly lifetimeSeconds: bigint;
  readonly place: TreasuryPlace;
  readonly treasury: SigningAccount;
  readonly gasAccounts: readonly SigningAccount[];
}

/**
 * Long enough for fees to fall or a node to come back, and short enough for a batch that was not
 * carried out to be signed anew soon: its payouts wait for the deadline in a final block.
 */
const LIFETIME_SECONDS: Readonly<Record<EvmNetworkId, bigint>> = {
  ETHEREUM_MAINNET: 30n * 60n,
  MATIC_MAINNET: 15n * 60n,
  BSC_MAINNET: 10n * 60n,
};

export function createPayer(options: PayerOptions): Payer {
  const { network, chainId } = options;
  const treasury = accountOf(options.signer);
  const gasAccounts = options.gasSigners.map(accountOf);
  const senders = [treasury, ...gasAccounts].map(({ sender }) => sender);
  assert(gasAccounts.length > 0, 'an EVM network has at least one gas account');
  assert(new Set(senders).size === senders.length, 'two accounts of the payer are the same');
  return {
    network,
    pool: connectNodes(options),
    policy: options.feePolicy ?? FEE_POLICIES[network],
    clock: options.clock ?? systemClock,
    lifetimeSeconds: options.lifetimeSeconds ?? LIFETIME_SECONDS[network],
    place: { chainId, treasury: treasury.sender },
    treasury,
    gasAccounts,
  };
}

/** The account of the payer that has this address. Asserts that there is one. */
export function accountAt(payer: Payer, address: string): SigningAccount {
  const sender = lowerAddress(address);
  const accounts = [payer.treasury, ...payer.gasAccounts];
  const found = accounts.find((account) => account.sender === sender);
  return present(found, 'the lane is of no account of the payer');
}

export function isGasAccount(payer: Payer, account: SigningAccount): boolean {
  return payer.gasAccounts.includes(account);
}

function accountOf(signer: Signer): SigningAccount {
  assert(signer.curve === 'secp256k1', 'an EVM network is signed for on secp256k1');
  const address = evmAddressOfPublicKey(signer.publicKey);
  return { address, sender: lowerAddress(address), signer };
}
