/** The part of a sandbox that a process is, by its command line: "api", "postgres", "chain-TRON_MAINNET". */
export function partOfSandbox(commandLine: readonly string[]): string {
  const [program = '', ...words] = commandLine;
  const found = SCRIPTS.find(([, script]) => words.some((word) => word.endsWith(script)));
  if (found !== undefined) {
    const [part] = found;
    return part === 'knit' ? (words.at(-1) ?? part) : part;
  }
  if (/^postgres:|\/postgres$/.test(program)) return 'postgres';
  const anvil = EVM_CHAINS.find(([, chainId]) => words.includes(`--chain-id=${chainId}`));
  return anvil === undefined ? 'other' : anvil[0];
}

/** By the script that Node.js runs; of Knit's own program the command says which part it is. */
const SCRIPTS = [
  ['launcher', '/bin/start.mjs'],
  ['guard', '/guard-process.ts'],
  ['chain-TRON_MAINNET', '/local-chains/tron/main.ts'],
  ['chain-SOL_MAINNET', '/local-chains/solana/main.ts'],
  ['chain-BITCOIN_MAINNET', '/local-chains/bitcoin/main.ts'],
  ['knit', 'src/main.ts'],
] as const;

const EVM_CHAINS = [
  ['chain-ETHEREUM_MAINNET', 1],
  ['chain-MATIC_MAINNET', 137],
  ['chain-BSC_MAINNET', 56],
] as const;
