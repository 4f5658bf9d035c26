import { base58 } from '@scure/base';
import {
  ASSOCIATED_TOKEN_PROGRAM,
  MEMO_PROGRAM,
  MEMO_V1_PROGRAM,
  SYSTEM_PROGRAM,
  TOKEN_PROGRAM,
} from './address.ts';
import type { InnerCall } from './block.ts';
import type { Json } from './chain-interface.ts';
import { renderUnits } from './render-account.ts';
import { isTokenProgram } from './token-state.ts';

export type Call = Pick<InnerCall, 'program' | 'accounts' | 'data'> & {
  readonly stackHeight: number;
};

export function renderCall({ program, accounts, data, stackHeight }: Call): Json {
  return {
    programIdIndex: program,
    accounts: [...accounts],
    data: base58.encode(data),
    stackHeight,
  };
}

/** As `jsonParsed` has it: in words where we know the program's instruction, else partly decoded. */
export function renderParsedCall(call: Call, keys: readonly string[]): Json {
  const programId = keys[call.program] ?? '';
  const accounts = call.accounts.map((index) => keys[index] ?? '');
  const data = Buffer.from(call.data);
  const { stackHeight } = call;
  const parsed = parse(programId, accounts, data);
  if (parsed === null) return { programId, accounts, data: base58.encode(data), stackHeight };
  return { ...parsed, programId, stackHeight };
}

type Parsed = { readonly program: string; readonly parsed: Json } | null;

function parse(programId: string, accounts: readonly string[], data: Buffer): Parsed {
  if (programId === MEMO_PROGRAM || programId === MEMO_V1_PROGRAM) {
    return { program: 'spl-memo', parsed: data.toString('utf8') };
  }
  if (programId === SYSTEM_PROGRAM) return named('system', parseSystem(accounts, data));
  if (programId === ASSOCIATED_TOKEN_PROGRAM) {
    return named('spl-associated-token-account', parseAssociated(accounts, data));
  }
  if (!isTokenProgram(programId)) return null;
  const program = programId === TOKEN_PROGRAM ? 'spl-token' : 'spl-token-2022';
  return named(program, parseToken(accounts, data));
}

type Named = { readonly type: string; readonly info: Json } | null;

function named(program: string, parsed: Named): Parsed {
  return parsed === null ? null : { program, parsed };
}

function parseSystem(accounts: readonly string[], data: Buffer): Named {
  if (data.length < 12) return null;
  const [source = '', target = ''] = accounts;
  switch (data.readUInt32LE(0)) {
    case 0: {
      if (data.length < 52) return null;
      const lamports = Number(data.readBigUInt64LE(4));
      const space = Number(data.readBigUInt64LE(12));
      const owner = base58.encode(data.subarray(20, 52));
      return {
        type: 'createAccount',
        info: { source, newAccount: target, lamports, space, owner },
      };
    }
    case 2: {
      const lamports = Number(data.readBigUInt64LE(4));
      return { type: 'transfer', info: { source, destination: target, lamports } };
    }
    default:
      return null;
  }
}

function parseAssociated(accounts: readonly string[], data: Buffer): Named {
  const [source = '', account = '', wallet = '', mint = '', systemProgram = '', tokenProgram = ''] =
    accounts;
  const info = { source, account, wallet, mint, systemProgram, tokenProgram };
  if (data.length === 0 || data[0] === 0) return { type: 'create', info };
  return data[0] === 1 ? { type: 'createIdempotent', info } : null;
}

function parseToken(accounts: readonly string[], data: Buffer): Named {
  const [first = '', second = '', third = '', fourth = ''] = accounts;
  const units = (): bigint => (data.length >= 9 ? data.readBigUInt64LE(1) : 0n);
  const amount = units().toString();
  const checked = renderUnits(units(), data[9] ?? 0);
  switch (data.at(0) ?? NO_INSTRUCTION) {
    case 3:
      return {
        type: 'transfer',
        info: { source: first, destination: second, amount, authority: third },
      };
    case 7:
      return {
        type: 'mintTo',
        info: { mint: first, account: second, amount, mintAuthority: third },
      };
    case 8:
      return { type: 'burn', info: { account: first, mint: second, amount, authority: third } };
    case 9:
      return { type: 'closeAccount', info: { account: first, destination: second, owner: third } };
    case 10:
      return {
        type: 'freezeAccount',
        info: { account: first, mint: second, freezeAuthority: third },
      };
    case 11:
      return {
        type: 'thawAccount',
        info: { account: first, mint: second, freezeAuthority: third },
      };
    case 12: {
      const ends = { source: first, mint: second, destination: third };
      return {
        type: 'transferChecked',
        info: { ...ends, authority: fourth, tokenAmount: checked },
      };
    }
    case 18:
      return {
        type: 'initializeAccount3',
        info: { account: first, mint: second, owner: keyAfter(data) },
      };
    case 21:
      return { type: 'getAccountDataSize', info: { mint: first } };
    case 22:
      return { type: 'initializeImmutableOwner', info: { account: first } };
    default:
      return null;
  }
}

const NO_INSTRUCTION = -1;

function keyAfter(data: Buffer): string {
  return base58.encode(data.subarray(1, 33));
}
