import { present } from '../../base/assert.ts';
import type { Json } from '../../base/json.ts';
import type { TransferOrder } from '../network.ts';
import { isWalletAddress } from './address.ts';
import { mintOf } from './mint-of.ts';
import type { AskedCommitment, SolanaNode } from './node.ts';
import { associatedTokenAddress, SYSTEM_PROGRAM, TOKEN_PROGRAM } from './programs.ts';
import type { Account } from './read-answer.ts';
import { readTokenAccount, type TokenAccount } from './token-account.ts';

/** What the chain says of a payout's recipient before anything is signed. */
export type RecipientJudgement =
  | { readonly kind: 'payable'; readonly way: PaymentWay }
  /** For the recipient's reasons, and for good where it was read in a finalized state. */
  | { readonly kind: 'refused'; readonly reason: string; readonly proof: Json }
  | { readonly kind: 'wait'; readonly reason: string };

/** Which token account is paid. */
export interface PaymentWay {
  readonly destination: string;
  /** The payout names the token account itself. */
  readonly direct: boolean;
  /** The wallet's token account is not there yet. */
  readonly opens: boolean;
}

/**
 * Judges recipients of one asset on one node, in the order given. Payable is what the newest confirmed
 * state says. What refuses for good has to be so in a finalized one too, and so has a wallet, or the owner of
 * a token account, of which the chain knows nothing: silence about a token account looks the same. Throws
 * RpcFailure.
 */
export async function judgeRecipients(
  node: SolanaNode,
  orders: readonly TransferOrder[],
  treasury: string,
): Promise<RecipientJudgement[]> {
  const now = await lookAt(node, { orders, treasury }, 'confirmed');
  const doubtful = orders.filter((_, index) => now[index]?.isDoubtful);
  if (doubtful.length === 0) return now.map((it) => settled(it, null));
  const then = await lookAt(node, { orders: doubtful, treasury }, 'finalized');
  return orders.map((order, index) =>
    settled(present(now[index], 'each order is looked at'), then[doubtful.indexOf(order)] ?? null),
  );
}

/** As one state shows it. */
export type Verdict = Exclude<RecipientJudgement, { kind: 'wait' }>;

/** A verdict, and whether it is to be asked for twice. */
interface Look {
  readonly verdict: Verdict;
  readonly isDoubtful: boolean;
  /** Whether a program holds the address: then it is no wallet. */
  readonly isProgramOwned: boolean;
}

function settled(now: Look, then: Look | null): RecipientJudgement {
  const { verdict } = now;
  if (!now.isDoubtful) return verdict;
  if (verdict.kind === 'refused') {
    const isFinal = then?.verdict.kind === 'refused' && then.verdict.reason === verdict.reason;
    if (isFinal) return then.verdict;
    return { kind: 'wait', reason: `${verdict.reason} That is not final yet.` };
  }
  const isSame = verdict.way.direct
    ? then?.verdict.kind === 'payable' && then.verdict.way.direct
    : then?.isProgramOwned === false;
  if (isSame) return verdict;
  return { kind: 'wait', reason: 'What lies at the recipient address is not final yet.' };
}

/** Judges one by a finalized state alone: whether the recipient was why a transfer failed. */
export async function judgeFinalized(
  node: SolanaNode,
  order: TransferOrder,
  treasury: string,
): Promise<Verdict> {
  const [look] = await lookAt(node, { orders: [order], treasury }, 'finalized');
  return present(look, 'the order is looked at').verdict;
}

async function lookAt(
  node: SolanaNode,
  { orders, treasury }: { readonly orders: readonly TransferOrder[]; readonly treasury: string },
  commitment: AskedCommitment,
): Promise<readonly Look[]> {
  const addresses = orders.flatMap((order) => [order.toAddress, accountOfWallet(order)]);
  const { slot, value } = await node.accounts(addresses, commitment);
  const scenes = orders.map((order, index): Scene => {
    const account = value[2 * index] ?? null;
    const ofWallet = value[2 * index + 1] ?? null;
    const token = account === null ? null : readTokenAccount(account);
    return { order, treasury, slot, account, ofWallet, token };
  });
  const holders = await readHolders(node, scenes, commitment);
  return scenes.map((scene) => {
    const verdict = judge(scene, holders);
    const { account, token } = scene;
    const isSilence = account === null || (token !== null && !holders.get(token.owner));
    const isDoubtful = verdict.kind === 'refused' || isSilence;
    const isProgramOwned = account !== null && account.owner !== SYSTEM_PROGRAM;
    return { verdict, isDoubtful, isProgramOwned };
  });
}

interface Scene {
  readonly order: TransferOrder;
  readonly treasury: string;
  /** Of the state that was read. */
  readonly slot: bigint;
  /** At the address that the payout names. */
  readonly account: Account | null;
  /** At the address where the token account of a wallet with that address lies. */
  readonly ofWallet: Account | null;
  /** What `account` is as a token account. */
  readonly token: TokenAccount | null;
}

/** Whom the token accounts belong to that payouts name: an owner that is one itself can never spend. */
async function readHolders(
  node: SolanaNode,
  scenes: readonly Scene[],
  commitment: AskedCommitment,
): Promise<ReadonlyMap<string, Account | null>> {
  const owners = [...new Set(scenes.flatMap(({ token }) => token?.owner ?? []))];
  if (owners.length === 0) return new Map();
  const { value } = await node.accounts(owners, commitment);
  return new Map(owners.map((owner, index) => [owner, value[index] ?? null]));
}

function accountOfWallet({ toAddress, asset }: TransferOrder): string {
  return associatedTokenAddress(toAddress, mintOf(asset));
}

function judge(scene: Scene, holders: ReadonlyMap<string, Account | null>): Verdict {
  const { account, token, treasury, order } = scene;
  if (order.toAddress === treasury || token?.owner === treasury) return refused(scene, OWN_ACCOUNT);
  if (token !== null) return judgeTokenAccount(scene, token, holders);
  if (account === null) return judgeAbsent(scene);
  if (account.owner !== SYSTEM_PROGRAM) return refused(scene, describeOwned(account));
  // A nonce account belongs to the system program too, and is no wallet.
  if (account.data.length > 0) return refused(scene, 'The recipient address is not a wallet.');
  return judgeWallet(scene);
}

const OWN_ACCOUNT = 'The recipient address is one of the accounts that payouts are made from.';

function judgeAbsent(scene: Scene): Verdict {
  if (isWalletAddress(scene.order.toAddress)) return judgeWallet(scene);
  const reason =
    'Nothing is at the recipient address, and it is no wallet: no key can stand behind it.';
  return refused(scene, reason);
}

/** A wallet is paid into its own token account, wherever else it may have more of them. */
function judgeWallet(scene: Scene): Verdict {
  const { order, ofWallet } = scene;
  const { toAddress, asset } = order;
  // Coins can be sent to any address, to one without a key too: that makes it no wallet.
  if (!isWalletAddress(toAddress)) {
    return refused(scene, 'The recipient address is not a wallet: no key can stand behind it.');
  }
  const way = { destination: accountOfWallet(order), direct: false };
  // Coins that were sent there beforehand do not keep the account from being opened.
  const isThere = ofWallet !== null && !(ofWallet.owner === SYSTEM_PROGRAM && isBare(ofWallet));
  if (!isThere) return { kind: 'payable', way: { ...way, opens: true } };
  const token = readTokenAccount(ofWallet);
  if (token === null || token.mint !== mintOf(asset)) {
    return refused(
      scene,
      `What lies where the recipient's ${asset.token} account belongs is none.`,
    );
  }
  if (token.owner !== toAddress) {
    const reason = `The recipient has given its ${asset.token} account to another owner.`;
    return refused(scene, reason);
  }
  if (token.state === 'frozen') return refused(scene, frozen(order));
  return { kind: 'payable', way: { ...way, opens: false } };
}

function judgeTokenAccount(
  scene: Scene,
  token: TokenAccount,
  holders: ReadonlyMap<string, Account | null>,
): Verdict {
  const { order } = scene;
  const { asset, toAddress } = order;
  if (token.mint !== mintOf(asset)) {
    return refused(
      scene,
      `The recipient address is an account of another token than ${asset.token}.`,
    );
  }
  if (holders.get(token.owner)?.owner === TOKEN_PROGRAM) {
    const reason = `The recipient address is a token account that belongs to a token account: nobody could spend from it.`;
    return refused(scene, reason);
  }
  if (token.state === 'frozen') return refused(scene, frozen(order));
  return { kind: 'payable', way: { destination: toAddress, direct: true, opens: false } };
}

function frozen({ asset }: TransferOrder): string {
  return `The recipient's ${asset.token} account is frozen by the issuer of ${asset.token}.`;
}

function isBare({ data }: Account): boolean {
  return data.length === 0;
}

function describeOwned({ executable, owner, data }: Account): string {
  if (executable) return 'The recipient address is a program, not a wallet.';
  if (owner === TOKEN_PROGRAM && data.length === MINT_BYTES) {
    return 'The recipient address is a token, not a wallet.';
  }
  return 'The recipient address is not a wallet: it belongs to a program.';
}

const MINT_BYTES = 82;

function refused(scene: Scene, reason: string): Verdict {
  const { order, slot, account, ofWallet, token } = scene;
  const { toAddress } = order;
  const place = { slot: slot.toString(), address: toAddress, owner: account?.owner ?? null };
  const tokenAt = token ?? (ofWallet === null ? null : readTokenAccount(ofWallet));
  const proof: Json =
    tokenAt === null
      ? place
      : {
          ...place,
          tokenAccount: token === null ? accountOfWallet(order) : toAddress,
          mint: tokenAt.mint,
          tokenOwner: tokenAt.owner,
          state: tokenAt.state,
        };
  return { kind: 'refused', reason, proof };
}
