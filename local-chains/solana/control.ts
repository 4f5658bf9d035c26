import { hashText } from './block.ts';
import { TOKEN_2022_PROGRAM, TOKEN_PROGRAM } from './address.ts';
import type { SolanaControl } from './chain-interface.ts';
import type { ControlStep } from './control-step.ts';
import type { Core } from './core.ts';
import {
  mintState,
  mintUnits,
  openTokenAccount,
  setFrozen,
  transferLamports,
  type TokenPlace,
} from './programs.ts';
import { readMint, readTokenAccount } from './token-state.ts';

/** What the chain's owner can do: each is put down in `steps`, for the next block. */
export function createControl(core: Core, steps: ControlStep[]): SolanaControl {
  const { authority, faucet } = core;
  const latest = (address: string) => core.accounts(core.lineage.view()).account(address);
  /** Of mints and token accounts that may only be on their way into the next block. */
  const planned = (address: string) => {
    const step = steps.findLast((each) => each.kind === 'write' && each.address === address);
    return step?.kind === 'write' ? step.account : latest(address);
  };
  const placeOf = (mint: string, owner: string): TokenPlace => {
    const account = planned(mint);
    if (account === null || readMint(account) === null) throw new Error(`${mint} is no mint.`);
    return { mint, owner, program: account.owner };
  };
  const freeze = (address: string, frozen: boolean): void => {
    const account = planned(address);
    const mint = readTokenAccount(account)?.mint;
    if (account === null || mint === undefined) throw new Error(`${address} is no token account.`);
    const instruction = setFrozen(
      authority.address,
      { address, mint, program: account.owner },
      frozen,
    );
    steps.push({ kind: 'transaction', signer: authority, instructions: [instruction] });
  };
  return {
    fund(owner, lamports) {
      const instructions = [transferLamports(faucet.address, owner, lamports)];
      steps.push({ kind: 'transaction', signer: faucet, instructions });
    },
    mintTo(mint, owner, units) {
      const place = placeOf(mint, owner);
      const open = openTokenAccount(authority.address, place);
      const instructions = [open, mintUnits(authority.address, place, units)];
      steps.push({ kind: 'transaction', signer: authority, instructions });
    },
    openTokenAccount(mint, owner) {
      const instructions = [openTokenAccount(authority.address, placeOf(mint, owner))];
      steps.push({ kind: 'transaction', signer: authority, instructions });
    },
    freeze: (address) => freeze(address, true),
    thaw: (address) => freeze(address, false),
    createMint({ program, decimals, address = hashText(`mint ${core.nextSerial()}`) }) {
      if (planned(address) !== null) throw new Error(`${address} is in use.`);
      const data = mintState(authority.address, decimals);
      const owner = program === 'token' ? TOKEN_PROGRAM : TOKEN_2022_PROGRAM;
      const lamports = core.executor.minimumBalance(data.length);
      const account = { lamports, data, owner, executable: false };
      steps.push({ kind: 'write', address, account });
      return address;
    },
    setAccount: (address, account) => void steps.push({ kind: 'write', address, account }),
  };
}
