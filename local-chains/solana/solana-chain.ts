import { createHash } from 'node:crypto';
import { addressBytes, associatedTokenAddress, SYSTEM_PROGRAM, TOKEN_PROGRAM } from './address.ts';
import { hashText, summarise, type Block } from './block.ts';
import type {
  ProduceOptions,
  ReorgOptions,
  ReorgReport,
  SolanaAccount,
  SolanaChain,
  SolanaChainOptions,
  SolanaMint,
  SolanaNode,
  SolanaTokenName,
  TokenTransfer,
} from './chain-interface.ts';
import { createControl } from './control.ts';
import type { ControlStep } from './control-step.ts';
import { createCore, type Core } from './core.ts';
import { blockOf } from './lineage.ts';
import { createNode } from './node.ts';
import { heightForForwarding, produceBlock } from './produce-block.ts';
import { mintState } from './programs.ts';
import { createSigner } from './sign-transaction.ts';
import { readTokenAccount } from './token-state.ts';
import { transfersIn } from './truth.ts';

/** A new chain of which only the genesis block exists, in slot 0, final. */
export function createSolanaChain(options: SolanaChainOptions): SolanaChain {
  const seed = options.seed ?? 'local';
  const tokens = nameTokens(seed, options.mints ?? {});
  const core = foundChain(options, seed, tokens);
  const counts: Record<string, number> = {};
  const count = (kind: string): void => {
    counts[kind] = (counts[kind] ?? 0) + 1;
  };
  const nodes = new Map<string, SolanaNode>();
  const producer = createProducer(core, options);
  const { random } = options;
  return {
    genesisHash: core.genesisHash,
    tokens,
    authority: core.authority.address,
    openNode(name, faults = {}) {
      const node = nodes.get(name) ?? createNode(name, { core, count, random: random ?? null });
      nodes.set(name, node);
      node.set(faults);
      return node;
    },
    produceBlock: (produceOptions = {}) => summarise(producer.produce(produceOptions)),
    reorg(reorgOptions) {
      const report = producer.reorg(reorgOptions);
      if (report.block !== null) count('reorg');
      return report;
    },
    pool: () =>
      core.pool.all().map(({ transaction, notBeforeHeight }) => ({
        signature: transaction.signature,
        notBeforeHeight,
        blockhash: transaction.recentBlockhash,
      })),
    drop: (signature) => core.pool.remove(signature),
    holdBack(signature, blocks) {
      const pooled = core.pool.get(signature);
      if (pooled === null) throw new Error(`${signature} does not wait for a block.`);
      core.pool.hold(signature, heightForForwarding(core, pooled.transaction, blocks));
    },
    setFinality: producer.setFinality,
    control: createControl(core, producer.controls),
    head: (commitment = 'processed') => summarise(blockOf(core.lineage.view(), commitment)),
    slot: producer.slot,
    ...createReadings(core),
    faultCounts: () => counts,
  };
}

/** What is so, whatever nodes say. */
function createReadings(
  core: Core,
): Pick<
  SolanaChain,
  'lamportsOf' | 'unitsOf' | 'account' | 'transfersOf' | 'everTransferredOf' | 'transaction'
> {
  const now = (address: string): SolanaAccount | null =>
    core.accounts(core.lineage.view()).account(address);
  // Deriving an address costs more than reading an account.
  const places = new Map<string, string>();
  const placeOf = (mint: string, owner: string): string => {
    const program = now(mint)?.owner ?? TOKEN_PROGRAM;
    const key = `${program} ${mint} ${owner}`;
    const place = places.get(key) ?? associatedTokenAddress({ owner, mint, program });
    places.set(key, place);
    return place;
  };
  const everTransferredOf = (mint: string): readonly TokenTransfer[] => {
    const view = core.lineage.view();
    return core.archive.blocks().flatMap((block) => transfersIn(block, mint, view));
  };
  return {
    lamportsOf: (address) => now(address)?.lamports ?? 0n,
    unitsOf: (mint, owner) => readTokenAccount(now(placeOf(mint, owner)))?.units ?? 0n,
    account: now,
    transfersOf: (mint, since = { slot: 0 }) => {
      const view = core.lineage.view();
      return core.archive
        .blocks()
        .filter((block) => block.slot >= since.slot && view.holds(block))
        .flatMap((block) => transfersIn(block, mint, view));
    },
    everTransferredOf,
    transaction(signature) {
      const view = core.lineage.view();
      const place = core.archive.find(view, signature);
      if (place === null) return null;
      const { block, executed } = place;
      return {
        signature,
        slot: block.slot,
        finalized: block.height <= view.finalized.height,
        feeLamports: executed.feeLamports,
        unitsConsumed: executed.outcome.unitsConsumed,
        error: executed.outcome.error,
      };
    },
  };
}

interface Producer {
  readonly controls: ControlStep[];
  readonly produce: (options: ProduceOptions) => Block;
  readonly reorg: (options: ReorgOptions) => ReorgReport;
  readonly setFinality: SolanaChain['setFinality'];
  readonly slot: () => number;
}

function createProducer(core: Core, options: SolanaChainOptions): Producer {
  const { now, skipEvery = 20, transactionsPerBlock = 2_000 } = options;
  let { confirmedAfterSlots = 1, finalizedAfterSlots = 31 } = options;
  let slot = 0;
  let finalizedFloor = 0;
  let controls: ControlStep[] = [];
  const pending: ControlStep[] = [];

  const produce = ({ skip = 0, ...rest }: ProduceOptions): Block => {
    slot += 1 + skip;
    if (skipEvery > 1 && slot % skipEvery === 0) slot += 1;
    controls = pending.splice(0);
    const time = Math.max(core.lineage.head().time, Math.floor(now() / 1_000));
    const finality = { confirmedAfterSlots, finalizedAfterSlots, finalizedFloor };
    try {
      return produceBlock(core, { slot, time, ...finality, transactionsPerBlock, controls }, rest);
    } finally {
      finalizedFloor = core.lineage.head().finalizedHeight;
    }
  };
  return {
    controls: pending,
    produce,
    reorg({ depth: wanted, transactions, laterBlocks = 3, pastFinal = false }) {
      const head = core.lineage.head();
      const most = pastFinal ? head.height : head.height - head.finalizedHeight;
      const depth = Math.min(wanted, most);
      if (depth < 1) return { abandoned: [], block: null };
      const abandoned = core.lineage.cut(depth);
      finalizedFloor = Math.min(finalizedFloor, core.lineage.head().height);
      pending.unshift(...abandoned.flatMap((block) => block.controls));
      const dropped = abandoned.flatMap((block) =>
        block.transactions.filter(({ byControl }) => !byControl),
      );
      const waiting = dropped.map(({ transaction }) => ({ transaction, notBeforeHeight: 0 }));
      if (transactions === 'return') core.pool.putBack(waiting);
      if (transactions === 'later') {
        core.pool.putBack(
          waiting.map((each) => ({
            ...each,
            notBeforeHeight: heightForForwarding(core, each.transaction, laterBlocks),
          })),
        );
      }
      return { abandoned: abandoned.map(summarise), block: summarise(produce({})) };
    },
    setFinality(slots) {
      confirmedAfterSlots = slots.confirmedAfter ?? confirmedAfterSlots;
      finalizedAfterSlots = slots.finalizedAfter ?? finalizedAfterSlots;
    },
    slot: () => slot,
  };
}

function nameTokens(
  seed: string,
  mints: NonNullable<SolanaChainOptions['mints']>,
): Readonly<Record<SolanaTokenName, SolanaMint>> {
  const name = (token: SolanaTokenName): SolanaMint => {
    const address = mints[token] ?? hashText(`${seed} mint ${token}`);
    addressBytes(address);
    return { address, decimals: 6 };
  };
  return { USDT: name('USDT'), USDC: name('USDC') };
}

/** 5 million SOL each: more would not fit the numbers of JSON. */
const FOUNDING_LAMPORTS = 5_000_000_000_000_000n;

function foundChain(
  options: SolanaChainOptions,
  seed: string,
  tokens: Readonly<Record<SolanaTokenName, SolanaMint>>,
): Core {
  const secret = (name: string): Uint8Array =>
    createHash('sha256').update(`${seed} ${name}`).digest();
  const authority = createSigner(secret('authority'));
  const faucet = createSigner(secret('faucet'));
  const rich = {
    lamports: FOUNDING_LAMPORTS,
    data: new Uint8Array(0),
    owner: SYSTEM_PROGRAM,
    executable: false,
  };
  const mint = {
    lamports: MINT_RENT,
    data: mintState(authority.address, 6),
    owner: TOKEN_PROGRAM,
    executable: false,
  };
  const accounts = new Map<string, SolanaAccount>([
    [authority.address, rich],
    [faucet.address, rich],
    [tokens.USDT.address, mint],
    [tokens.USDC.address, mint],
  ]);
  const genesis: Block = {
    slot: 0,
    parentSlot: 0,
    height: 0,
    blockhash: hashText(`${seed} block 0`),
    previousBlockhash: hashText(`${seed} before block 0`),
    time: Math.floor(options.now() / 1_000),
    confirmedHeight: 0,
    finalizedHeight: 0,
    transactions: [],
    controls: [],
  };
  return createCore({
    genesis,
    accounts,
    faucet,
    authority,
    genesisHash: hashText(`${seed} genesis`),
    statusCacheSlots: options.statusCacheSlots ?? 300,
  });
}

/** The least balance of an account of 82 bytes. */
const MINT_RENT = 1_461_600n;
