import { describe, expect, it } from 'vitest';
import type { SolanaAccount } from '../../../local-chains/solana/chain-interface.ts';
import { createSolanaWorld, wallet, type SolanaWorld } from '../../../test/harness/solana-world.ts';
import { present } from '../../base/assert.ts';
import { judgeRecipients, type RecipientJudgement } from './judge-recipient.ts';
import {
  addressBytes,
  associatedTokenAddress,
  findProgramAddress,
  MEMO_PROGRAM,
  SYSTEM_PROGRAM,
  TOKEN_2022_PROGRAM,
  TOKEN_PROGRAM,
} from './programs.ts';

async function judge(world: SolanaWorld, toAddress: string): Promise<RecipientJudgement> {
  const [node] = world.pool.all;
  const order = world.order({ toAddress });
  const said = await judgeRecipients(present(node, 'one node'), [order], world.treasury);
  return present(said[0], 'one order');
}

/** Of the token program: "mint, owner, amount …, state". */
function tokenAccount(fields: { mint: string; owner: string; state?: number }): SolanaAccount {
  const data = new Uint8Array(165);
  data.set(addressBytes(fields.mint), 0);
  data.set(addressBytes(fields.owner), 32);
  data[108] = fields.state ?? 1;
  return { lamports: 2_039_280n, data, owner: TOKEN_PROGRAM, executable: false };
}

const bare = (owner = SYSTEM_PROGRAM, bytes = 0): SolanaAccount => ({
  lamports: 10_000_000n,
  data: new Uint8Array(bytes),
  owner,
  executable: false,
});

/** A program's own address: no key can stand behind it. */
const OFF_CURVE = findProgramAddress([Uint8Array.of(7)], MEMO_PROGRAM);
const A = wallet('a');

describe('a recipient that can be paid', () => {
  it('is a wallet of which the chain knows nothing: its token account is opened', async () => {
    const world = createSolanaWorld();
    expect(await judge(world, A)).toEqual({
      kind: 'payable',
      way: { destination: world.tokenAccount(A), direct: false, opens: true },
    });
  });

  it('is a wallet with coins alone', async () => {
    const world = createSolanaWorld();
    world.chain.control.fund(A, 1_000_000_000n);
    world.finalize();
    expect(await judge(world, A)).toMatchObject({ kind: 'payable', way: { opens: true } });
  });

  it('is a wallet with its token account', async () => {
    const world = createSolanaWorld();
    world.chain.control.openTokenAccount(world.chain.tokens.USDT.address, A);
    world.produce(2);
    expect(await judge(world, A)).toEqual({
      kind: 'payable',
      way: { destination: world.tokenAccount(A), direct: false, opens: false },
    });
  });

  it('is a wallet whose token account’s place has got coins beforehand', async () => {
    const world = createSolanaWorld();
    world.chain.control.fund(world.tokenAccount(A), 3_000_000n);
    world.finalize();
    expect(await judge(world, A)).toMatchObject({ kind: 'payable', way: { opens: true } });
  });

  it('is a token account of the mint, at whatever address: it is paid itself', async () => {
    const world = createSolanaWorld();
    const mint = world.chain.tokens.USDT.address;
    const own = wallet('an account made with a key');
    world.chain.control.setAccount(own, tokenAccount({ mint, owner: A }));
    world.chain.control.openTokenAccount(mint, A);
    world.finalize();
    for (const address of [own, world.tokenAccount(A)]) {
      expect(await judge(world, address)).toEqual({
        kind: 'payable',
        way: { destination: address, direct: true, opens: false },
      });
    }
  });

  it('is a token account that belongs to a program', async () => {
    const world = createSolanaWorld();
    const mint = world.chain.tokens.USDT.address;
    world.chain.control.setAccount(OFF_CURVE, bare(MEMO_PROGRAM, 40));
    const own = associatedTokenAddress(OFF_CURVE, mint);
    world.chain.control.setAccount(own, tokenAccount({ mint, owner: OFF_CURVE }));
    world.finalize();
    expect(await judge(world, own)).toMatchObject({ kind: 'payable', way: { direct: true } });
  });
});

describe('a recipient that is refused', () => {
  type Setting = (world: SolanaWorld) => string;
  const at =
    (address: string, account: SolanaAccount | null): Setting =>
    (world) => {
      world.chain.control.setAccount(address, account);
      return address;
    };
  const USDT = (world: SolanaWorld): string => world.chain.tokens.USDT.address;
  const USDC = (world: SolanaWorld): string => world.chain.tokens.USDC.address;

  it.each<[string, Setting, RegExp]>([
    ['nothing, off the curve', () => OFF_CURVE, /no wallet: no key/],
    ['coins at an address off the curve', at(OFF_CURVE, bare()), /no key can stand behind it/],
    ['a nonce account', at(A, bare(SYSTEM_PROGRAM, 80)), /not a wallet/],
    ['an account of a program', at(A, bare(MEMO_PROGRAM, 12)), /belongs to a program/],
    ['a program', at(A, { ...bare(MEMO_PROGRAM), executable: true }), /a program, not a wallet/],
    ['the program of tokens', () => TOKEN_PROGRAM, /a program/],
    ['another mint', (world) => USDC(world), /a token, not a wallet/],
    [
      'a mint of Token-2022',
      (world) => world.chain.control.createMint({ program: 'token-2022', decimals: 6 }),
      /belongs to a program/,
    ],
    [
      'a token account of Token-2022',
      (world) => {
        const account = tokenAccount({ mint: USDT(world), owner: A });
        return at(wallet('t22'), { ...account, owner: TOKEN_2022_PROGRAM })(world);
      },
      /belongs to a program/,
    ],
    [
      'a token account of another mint',
      (world) => {
        world.chain.control.openTokenAccount(USDC(world), A);
        return associatedTokenAddress(A, USDC(world));
      },
      /another token than USDT/,
    ],
    [
      'a token account that was not set up',
      (world) => at(wallet('raw'), tokenAccount({ mint: USDT(world), owner: A, state: 0 }))(world),
      /belongs to a program/,
    ],
    [
      'a frozen token account',
      (world) => {
        world.chain.control.openTokenAccount(USDT(world), A);
        world.produce();
        world.chain.control.freeze(world.tokenAccount(A));
        return world.tokenAccount(A);
      },
      /frozen by the issuer of USDT/,
    ],
    [
      'a wallet whose token account is frozen',
      (world) => {
        world.chain.control.openTokenAccount(USDT(world), A);
        world.produce();
        world.chain.control.freeze(world.tokenAccount(A));
        return A;
      },
      /frozen by the issuer of USDT/,
    ],
    [
      'an account of an account',
      (world) => {
        const inner = world.tokenAccount(A);
        world.chain.control.openTokenAccount(USDT(world), A);
        const outer = associatedTokenAddress(inner, USDT(world));
        return at(outer, tokenAccount({ mint: USDT(world), owner: inner }))(world);
      },
      /belongs to a token account/,
    ],
    [
      'a wallet that has given its token account away',
      (world) => {
        at(world.tokenAccount(A), tokenAccount({ mint: USDT(world), owner: wallet('b') }))(world);
        return A;
      },
      /to another owner/,
    ],
    [
      'a wallet at whose token account lies something else',
      (world) => {
        at(world.tokenAccount(A), bare(MEMO_PROGRAM, 165))(world);
        return A;
      },
      /belongs is none/,
    ],
    ['the treasury', (world) => world.treasury, /payouts are made from/],
    ['the treasury’s token account', (world) => world.tokenAccount(world.treasury), /made from/],
    [
      'any other token account of the treasury',
      (world) =>
        at(wallet('second'), tokenAccount({ mint: USDT(world), owner: world.treasury }))(world),
      /payouts are made from/,
    ],
  ])('is %s', async (_, setting, reason) => {
    const world = createSolanaWorld();
    const address = setting(world);
    world.finalize();
    const said = await judge(world, address);
    expect(said.kind).toBe('refused');
    expect(said).toMatchObject({ reason: expect.stringMatching(reason) as string });
    expect(said).toMatchObject({
      proof: { address, slot: expect.stringMatching(/^[0-9]+$/) as string },
    });
  });
});

describe('a recipient that waits', () => {
  it('is refused only when what refuses it is final', async () => {
    const world = createSolanaWorld();
    const mint = world.chain.tokens.USDT.address;
    world.chain.control.openTokenAccount(mint, A);
    world.finalize();
    world.chain.control.freeze(world.tokenAccount(A));
    world.produce(3);
    expect(await judge(world, A)).toMatchObject({
      kind: 'wait',
      reason: expect.stringMatching(/frozen .* not final yet/) as string,
    });
    world.finalize();
    expect((await judge(world, A)).kind).toBe('refused');
    // And it is free again as soon as it is thawed.
    world.chain.control.thaw(world.tokenAccount(A));
    world.produce(3);
    expect((await judge(world, A)).kind).toBe('payable');
  });

  it('is one about which a node is silent once: a token account would get an account of its own', async () => {
    const world = createSolanaWorld();
    const mint = world.chain.tokens.USDT.address;
    const own = wallet('made with a key');
    world.chain.control.setAccount(own, tokenAccount({ mint, owner: A }));
    world.finalize();
    world.nodes[0]?.failNext('getMultipleAccounts', 'absent');
    expect((await judge(world, own)).kind).toBe('wait');
    expect(await judge(world, own)).toMatchObject({ kind: 'payable', way: { direct: true } });
  });

  it('is one about whose owner a node is silent once: it may be a token account', async () => {
    const world = createSolanaWorld();
    const mint = world.chain.tokens.USDT.address;
    const inner = world.tokenAccount(A);
    world.chain.control.openTokenAccount(mint, A);
    const outer = associatedTokenAddress(inner, mint);
    world.chain.control.setAccount(outer, tokenAccount({ mint, owner: inner }));
    world.finalize();
    const [endpoint] = world.endpoints;
    let silences = 1;
    if (endpoint !== undefined) {
      endpoint.lies = {
        getMultipleAccounts: (truth, [addresses]) => {
          const isOfOwner = (addresses as string[]).length === 1 && silences > 0;
          if (!isOfOwner) return truth;
          silences -= 1;
          return { ...(truth as object), value: [null] };
        },
      };
    }
    expect((await judge(world, outer)).kind).toBe('wait');
    expect((await judge(world, outer)).kind).toBe('refused');
  });

  it('is one whose account has just come to be', async () => {
    const world = createSolanaWorld();
    const mint = world.chain.tokens.USDT.address;
    const own = wallet('made with a key');
    world.chain.control.fund(A, 1_000_000_000n);
    world.finalize();
    world.chain.control.setAccount(own, tokenAccount({ mint, owner: A }));
    world.produce(2);
    // Nothing is opened for it, whatever the final state says.
    expect(await judge(world, own)).toMatchObject({ kind: 'payable', way: { direct: true } });
  });
});
