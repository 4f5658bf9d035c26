import { concat, encodeAbiParameters, getContractAddress, keccak256, zeroAddress } from 'viem';
import artifact from '../../../contracts/artifacts/Treasury.json' with { type: 'json' };
import type { EvmNode } from './node.ts';
import type { Hex } from './read-answer.ts';
import { lowerAddress } from './token.ts';

/** Deploys what it is called with by CREATE2, on every chain at this address, and belongs to nobody. */
export const DEPLOYMENT_PROXY: Hex = '0x4e59b44847b379578588920ca78fbf26c0b4956c';

const SALT: Hex = `0x${'0'.repeat(64)}`;

/** Made with the zero address: the code that it leaves can be told nothing at its own address. */
const INIT_CODE = concat([
  artifact.bytecode as Hex,
  encodeAbiParameters([{ type: 'address' }], [zeroAddress]),
]);

/** What the proxy is called with: the salt, then the code to create with. */
export const DEPLOYMENT_DATA = concat([SALT, INIT_CODE]);

/**
 * Where the treasury's code lies, the same on every chain: the address commits to the code that creates
 * it (EIP-1014).
 */
export const TREASURY_CODE: Hex = lowerAddress(
  getContractAddress({
    opcode: 'CREATE2',
    from: DEPLOYMENT_PROXY,
    salt: SALT,
    bytecode: INIT_CODE,
  }),
);

/** Keccak-256 of the code there, in which the contract knows its own address. A test has deployed it. */
export const TREASURY_CODE_HASH: Hex =
  '0xa202feb3bfaf2e0b0be4a8b1ae8c1c7a91396f4fcde43c61708bd66962790254';

/** The code of an account that runs the treasury's (EIP-7702). */
export const DELEGATED_CODE: Hex = `0xef0100${TREASURY_CODE.slice(2)}`;

/** How far a treasury is set up, at the newest block. */
export type SetUp =
  | { readonly kind: 'ready' | 'not deployed' | 'not delegated' }
  /** Something else lies where the treasury's code or its delegation belongs. */
  | { readonly kind: 'strange'; readonly reason: string };

export async function readSetUp(node: EvmNode, treasury: Hex): Promise<SetUp> {
  const [lent, own] = await Promise.all([node.code(TREASURY_CODE), node.code(treasury)]);
  if (own !== '0x' && own !== DELEGATED_CODE) {
    return { kind: 'strange', reason: `the treasury account runs other code: ${own.slice(0, 50)}` };
  }
  if (lent === '0x') return { kind: 'not deployed' };
  if (keccak256(lent) !== TREASURY_CODE_HASH) {
    return {
      kind: 'strange',
      reason: `there is other code than the treasury's at ${TREASURY_CODE}`,
    };
  }
  return { kind: own === '0x' ? 'not delegated' : 'ready' };
}
